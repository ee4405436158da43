package event_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
)

func TestTemplateIsAnEvent(t *testing.T) {
	got, err := event.Parse([]byte(event.Template))
	if err != nil || got.CallID != "<uuid>" {
		t.Fatalf("Parse(Template) = %q, %v", got.CallID, err)
	}
	if user := gjson.Get(event.Template, event.UserIDPath); user.Str != "<100..999>" {
		t.Errorf("user_id at %s is %q", event.UserIDPath, user.Raw)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		``:                                      "not valid JSON",
		`{"event":`:                             "not valid JSON",
		`{} {}`:                                 "not valid JSON",
		`[1]`:                                   "missing",
		`{"event":{"property":{"call_id":7}}}`:  "missing or not a string",
		`{"event":{"property":{"call_id":""}}}`: "missing or not a string",
		`{"event":{"property":{"call_id":null}}}`:                               "missing or not a string",
		`{"event":{"property":{"call_id":"` + strings.Repeat("é", 257) + `"}}}`: "257 characters",
		"{\"event\":{\"property\":{\"call_id\":\"\xff\"}}}":                     "UTF-8",
	} {
		if _, err := event.Parse([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60q) = %v, want an error with %q", line, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(event.Template))
	f.Add([]byte(`{"event":{"property":{"call_id":"\u0000"}}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := event.Parse(line)
		if err != nil {
			return
		}
		if got.CallID == "" || len([]rune(got.CallID)) > event.MaxCallIDChars || string(got.JSON) != string(line) {
			t.Fatalf("accepted %q with call_id %q", line, got.CallID)
		}
	})
}
