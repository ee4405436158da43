// Package logging builds the one logger of a program.
//
// Entries carry fields (stream, shard_id, worker_id, sequence_number, records, bytes, object_key, elapsed_ms);
// the message is a short constant phrase. Record contents appear at Debug only.
package logging

import (
	"errors"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
)

// timeFormat has the day and the zone: a log is read weeks later, and beside those of other machines.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// levels has none that hides errors: a person must act on those.
var levels = map[string]logrus.Level{
	"debug": logrus.DebugLevel, "info": logrus.InfoLevel, "warn": logrus.WarnLevel, "error": logrus.ErrorLevel,
}

// New returns a logger that writes to out. format is "text" or "json", level is debug, info, warn or error; the error
// names all that is wrong. The standard logrus logger is set to the same, since some libraries write to it directly.
func New(out io.Writer, format, level string) (*logrus.Logger, error) {
	var formatter logrus.Formatter
	var wrongFormat, wrongLevel error
	switch format {
	case "text":
		formatter = &logrus.TextFormatter{FullTimestamp: true, TimestampFormat: timeFormat}
	case "json":
		formatter = &logrus.JSONFormatter{TimestampFormat: timeFormat}
	default:
		wrongFormat = fmt.Errorf("--log-format %q: use text or json", format)
	}
	parsed, ok := levels[level]
	if !ok {
		wrongLevel = fmt.Errorf("--log-level %q: use debug, info, warn or error", level)
	}
	if err := errors.Join(wrongFormat, wrongLevel); err != nil {
		return nil, err
	}
	log := logrus.New()
	for _, l := range []*logrus.Logger{log, logrus.StandardLogger()} {
		l.SetOutput(out)
		l.SetFormatter(formatter)
		l.SetLevel(parsed)
	}
	return log, nil
}
