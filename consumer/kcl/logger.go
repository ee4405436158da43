package kcl

import (
	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/logger"
)

// quietLogger writes what the library says at Debug, whatever the library thinks of it: everything that a person
// should know is said by this package, and nothing may end the process from inside a library.
type quietLogger struct{ entry *logrus.Entry }

func (l quietLogger) Debugf(format string, args ...any) { l.entry.Debugf(format, args...) }
func (l quietLogger) Infof(format string, args ...any)  { l.entry.Debugf(format, args...) }
func (l quietLogger) Warnf(format string, args ...any)  { l.entry.Debugf(format, args...) }
func (l quietLogger) Errorf(format string, args ...any) { l.entry.Debugf(format, args...) }
func (l quietLogger) Fatalf(format string, args ...any) { l.entry.Errorf(format, args...) }
func (l quietLogger) Panicf(format string, args ...any) { l.entry.Errorf(format, args...) }

func (l quietLogger) WithFields(fields logger.Fields) logger.Logger {
	return quietLogger{l.entry.WithFields(logrus.Fields(fields))}
}
