package reference_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/audit/reference"
)

const (
	transformTests = "../../transform/transform_test.go"
	nameTests      = "../../transform/names_test.go"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		`{"user":{"user_id":"5"}}`:                            `{"user":{"user_id":5}}`,
		` {"a":1.0e+02, "us\u0065r" :{"user_id": "-5" } } `:   ` {"a":1.0e+02, "us\u0065r" :{"user_id": -5 } } `,
		"{\n\"a\": \"\u2028<\",\"user\":{\"user_id\": 5}\r}":  "{\"a\":\"\u2028<\",\"user\":{\"user_id\":5}}",
		"{ \"user\": { \"user_id\": \"\\u0035\" } }\n":        `{ "user": { "user_id": 5 } }`,
		`{"user":{"user_id":"5"},"user":{}}`:                  "!duplicate_name",
		`{"user":{"user_id":"5"},"a":[{"b":1,"B":2}]}`:        "!duplicate_name",
		`{"user":{"user_id":"5"},"a":[{"b":1},{"B":2}]}`:      `{"user":{"user_id":5},"a":[{"b":1},{"B":2}]}`,
		`{"User":{},"user":{"user_id":"5"}}`:                  "!duplicate_name",
		`{"é":1,"\u00c9":1e999}`:                              "!duplicate_name",
		`{"user":{"user_id":"5"},"a":"\ud800"}`:               "!invalid_utf8",
		`{"user":{"user_id":"5"},"a":"` + "\xff" + `"}`:       "!invalid_utf8",
		`{"user":{"user_id":"05"}}`:                           "!user_id_not_integer",
		`{"user":{"user_id":9223372036854775808}}`:            "!user_id_not_integer",
		`{"user":{"user_id":-0}}`:                             "!user_id_not_integer",
		`{"User":{"user_id":"5"}}`:                            "!no_user_id",
		`{"user":{"user_id":"5"}`:                             "!not_json",
		strings.Repeat("[", 501) + strings.Repeat("]", 501):   "!too_deep",
		`{"user":{"user_id":5},"a":"\\` + deep("[", 498, "]"): `{"user":{"user_id":5},"a":"\\` + deep("[", 498, "]"),
	} {
		line, reason := reference.Line([]byte(in))
		if got := string(line); got != want && "!"+reason != want {
			t.Errorf("%.100q: %.100q, reason %q; want %.100q", in, got, reason, want)
		}
		compareLine(t, []byte(in))
	}
}

// deep ends a string, and an object whose next member nests so deeply.
func deep(open string, levels int, end string) string {
	return `","b":` + strings.Repeat(open, levels) + strings.Repeat(end, levels) + "}"
}

func TestLinesAgreeOverTheTestsOfTransform(t *testing.T) {
	for _, text := range append(literals(t, transformTests), literals(t, nameTests)...) {
		compareLine(t, []byte(text))
		compareLine(t, []byte(`{"user":{"user_id":`+text+`}}`))
		compareLine(t, []byte("{\"user\":\n{\"user_id\":\"5\"},\"a\":"+text+"}"))
	}
	for _, levels := range []int{499, 500, 501, 20_000} {
		for _, open := range []string{"[", `{"a":`, `\[`, `\"[`, `\\"[`, "]["} {
			text := strings.Repeat(open, levels)
			compareLine(t, []byte(text))
			compareLine(t, []byte(`{"a":"`+text+`","user":{"user_id":"5"}}`))
			compareLine(t, []byte(`{"user":{"user_id":"5"},"a":`+text+strings.Repeat(strings.Trim(strings.Replace(open, "[", "]", 1), `{"a:\`), levels)+`}`))
		}
		compareLine(t, []byte(`{"user":{"user_id":"5"},"a":`+strings.Repeat("[", levels-1)+strings.Repeat("]", levels-1)+`}`))
	}
}

// records are JSON documents, nearly: names twice, but for case or not, and in escapes, numbers too large, strings that are no text, white
// space of all kinds, and a few wrong bytes.
var records = rapid.Custom(func(t *rapid.T) []byte {
	var object func(levels int, names ...string) string
	value := func(levels int) string {
		if levels > 0 && rapid.IntRange(0, 2).Draw(t, "nested") == 0 {
			if inner := object(levels-1, "user", "user_id", "a"); rapid.Bool().Draw(t, "array") {
				return "[" + inner + "," + inner + "]"
			} else {
				return inner
			}
		}
		return rapid.SampledFrom(scalars).Draw(t, "scalar")
	}
	object = func(levels int, names ...string) string {
		var members []string
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			members = append(members, space(t)+`"`+name+`"`+space(t)+":"+space(t)+value(levels)+space(t))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	user := object(1, "a", "b", `x\u0079`, "xY", "c", "d", "User_Id") // with a user_id in front, so that most records have one
	user = strings.Replace(user, "{", `{"user_id":`+rapid.SampledFrom(scalars).Draw(t, "user_id")+comma(user), 1)
	record := object(2, "a", "b", "us\\u0065r", "", "user.user_id", "User", "c", "d", "é", "É", "A", "a_longer_name", "a_longer_nam\\u0045")
	record = space(t) + strings.Replace(record, "{", `{"user":`+user+comma(record), 1) + space(t)
	return mutate(t, []byte(record), 0, 0, 0, 1, 2, 3)
})

var scalars = []string{
	`"5"`, `5`, `"-7"`, `-0`, `"007"`, `1E400`, `9007199254740993`, `"9223372036854775807"`, `9223372036854775808`, `"\u0035"`, `null`, `true`,
	`""`, `"\ud83d\ude00"`, `"\ud83d"`, `"\\ud83d"`, `"\uDE00\n"`, "\"\xff\"", "\"\u2028\"", "\"\ufffd\"", `"\"{["`, `"<&>"`, `1.0e+02`, `{}`, `[]`,
}

func comma(object string) string {
	if object == "{}" {
		return ""
	}
	return ","
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", "", " ", "\t", "\n", "\r\n"}).Draw(t, "space")
}

// mutate changes as many places as one of the counts says, the first ones more often.
func mutate(t *rapid.T, data []byte, counts ...int) []byte {
	for range rapid.SampledFrom(counts).Draw(t, "mutations") {
		at := rapid.IntRange(0, len(data)).Draw(t, "at")
		end := min(len(data), at+rapid.IntRange(0, 2).Draw(t, "removed"))
		put := rapid.SampledFrom([]string{"", `"`, `\`, `\u`, "u", "d8", "{", "}", "[", "]", ",", ":", "5", "\n", "\x00", "\xc3", "\x08", "\x1a", "\x0b"}).Draw(t, "put")
		data = append(append(append([]byte{}, data[:at]...), put...), data[end:]...)
	}
	return data
}

func TestLinesAgreeOverRandomRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			compareLine(t, records.Draw(t, "record"))
		}
	})
}

func FuzzLine(f *testing.F) {
	for _, text := range literals(f, transformTests) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, record []byte) { compareLine(t, record) })
}
