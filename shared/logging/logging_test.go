package logging_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/logging"
)

func TestLinesHaveDayZoneAndFields(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	log.WithField("shard_id", "shardId-0").Info("lease acquired")
	logrus.Warn("from a library")
	log.Debug("not at this level")
	want := regexp.MustCompile(`^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)" level=info msg="lease acquired" shard_id=shardId-0\n` +
		`time="[^"]*" level=warning msg="from a library"\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	log.WithField("records", 3).Debug("put")
	var line struct {
		Time       time.Time
		Level, Msg string
		Records    int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Time.IsZero() || line.Level != "debug" || line.Msg != "put" || line.Records != 3 {
		t.Errorf("%v in %s", err, out.String())
	}
}

func TestAllThatIsWrongIsSaid(t *testing.T) {
	for _, level := range []string{"loud", "fatal", "panic", ""} { // two of them logrus knows, but they hide errors
		_, err := logging.New(&bytes.Buffer{}, "xml", level)
		if err == nil || !strings.Contains(err.Error(), "--log-level") || !strings.Contains(err.Error(), "--log-format") {
			t.Errorf("level %q: %v", level, err)
		}
	}
}
