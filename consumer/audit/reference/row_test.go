package reference_test

import (
	"strings"
	"testing"

	"example.com/callevents/consumer/audit/reference"
)

// cells are the columns that a line sets, as path=value.
func cells(line string) string {
	var set []string
	for i, cell := range reference.Row([]byte(line)) {
		if cell.Set {
			set = append(set, strings.Join(reference.Columns[i].Path, ".")+"="+cell.Text)
		}
	}
	return strings.Join(set, " ")
}

func TestRows(t *testing.T) {
	for line, want := range map[string]string{
		`{"user":{"user_id":5}}`:                                                                 `user.user_id=5`,
		`{"user": {"user_id": 5}, "a": {"b": 1}}`:                                                `user.user_id=5 unknown_fields={"a":{"b": 1}}`,
		`{"user":{"user_id":5,"x":null,"state":{}}}`:                                             `user.user_id=5 unknown_fields={"user":{"x":null}}`,
		`{"user":{"user_id":5,"state":{"coins":"7","tz":8}}}`:                                    `user.user_id=5 user.state.coins=7 unknown_fields={"user":{"state":{"tz":8}}}`,
		`{"user":{"user_id":5},"user.user_id":6}`:                                                `user.user_id=5 unknown_fields={"user.user_id":6}`,
		`{"us\u0065r":{"user_id":5,"\u0078":1}}`:                                                 `user.user_id=5 unknown_fields={"us\u0065r":{"\u0078":1}}`,
		`{"user":{"user_id":5},"geo_location":[ 1]}`:                                             `user.user_id=5 geo_location=[ 1]`,
		`{"user":{"user_id":5},"geo_location":null,"session":null}`:                              `user.user_id=5 unknown_fields={"session":null}`,
		`{"user":{"user_id":5},"session":{"number":2147483648}}`:                                 `user.user_id=5 unknown_fields={"session":{"number":2147483648}}`,
		`{"user":{"user_id":5},"session":{"id":"\u0041","id":"b"}}`:                              `user.user_id=5 session.id=A unknown_fields={"session":{"id":"b"}}`,
		`{"user":{"user_id":5},"unknown_fields":{"a":1}}`:                                        `user.user_id=5 unknown_fields={"unknown_fields":{"a":1}}`,
		`{"user":{"user_id":5,"state":{"is_logged_in":"true"}}}`:                                 `user.user_id=5 user.state.is_logged_in=true`,
		`{"user":{"user_id":5,"state":{"is_logged_in":1}}}`:                                      `user.user_id=5 unknown_fields={"user":{"state":{"is_logged_in":1}}}`,
		`{"user":{"user_id":5},"session":{"id":""}}`:                                             `user.user_id=5 session.id=`,
		`{"user":{"user_id":5},"event":{"property":5}}`:                                          `user.user_id=5 unknown_fields={"event":{"property":5}}`,
		`{"user":{"user_id":5},"event":{"super_property":` + `{"timestamp":253402300800000}}}`:   `user.user_id=5 unknown_fields={"event":{"super_property":{"timestamp":253402300800000}}}`,
		`{"user":{"user_id":5},"event":{"super_property":` + `{"timestamp":"253402300799999"}}}`: `event.super_property.timestamp=253402300799999 user.user_id=5`,
		`{"user":{"user_id":5},"event":{"super_property":` + `{"timestamp":-62135596800001}}}`:   `user.user_id=5 unknown_fields={"event":{"super_property":{"timestamp":-62135596800001}}}`,
		`{"user":{"user_id":5},"event":{"super_property":` + `{"timestamp":-62135596800000}}}`:   `event.super_property.timestamp=-62135596800000 user.user_id=5`,
	} {
		if got := cells(line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}
