// Package logging builds the one logger of a program.
//
// Entries carry fields (stream, shard_id, worker_id, sequence_number, records, bytes, object_key, elapsed_ms);
// the message is a short constant phrase. Record contents appear at Debug only.
package logging

import (
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"
)

// New returns a logger that writes to out. format is "text" or "json", level one of logrus's level names. The
// standard logrus logger is set to the same, since some libraries write to it directly.
func New(out io.Writer, format, level string) (*logrus.Logger, error) {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	var formatter logrus.Formatter
	switch format {
	case "text":
		formatter = &logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "15:04:05.000"}
	case "json":
		formatter = &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano}
	default:
		return nil, fmt.Errorf("log format %q: use text or json", format)
	}
	log := logrus.New()
	for _, l := range []*logrus.Logger{log, logrus.StandardLogger()} {
		l.SetOutput(out)
		l.SetFormatter(formatter)
		l.SetLevel(parsed)
	}
	return log, nil
}
