package transform_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"example.com/callevents/consumer/transform"
)

// reasonOf returns the reason for the rejection of record.
func reasonOf(record string) transform.Reason {
	_, reason := transform.Append(nil, []byte(record))
	return reason
}

// Before names were compared in all objects, but for case, each of these was accepted.
func TestANameTwiceInOneObjectIsRejected(t *testing.T) {
	many := &strings.Builder{}
	for i := range 1_000 {
		fmt.Fprintf(many, `"n%d":%d,`, i, i)
	}
	deep := func(object string) string {
		return strings.Repeat(`{"a":[`, 240) + object + strings.Repeat("]}", 240)
	}
	for one, twice := range map[string][]string{
		`{"a":1}`:                    {`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"A":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\u0041":1,"a":2}`, `{ "a" : 1 , "b":"\"" , "A"	: 2 }`},
		`{"call_id":{},"call-id":1}`: {`{"call_id":{},"Call_Id":1}`, `{"call_id":{"x":[{}]},"x":"y","call_ID":1}`},
		`{"":1,"b":2}`:               {`{"":1,"":2}`, `{"":{"b":2},"b":[],"":2}`},
		`{"é":1,"e":2}`:              {`{"é":1,"É":2}`, `{"É":1,"\u00e9":2}`},
		`{"a name of many letters":1,"a name of many letterz":2}`: {`{"a name of many letters":1,"a name of many letterS":2}`, `{"A name of many letters":1,"a name of many letters":2}`},
		`{"\\":1,"\\\\":2,"\"":3}`:                                {`{"\\":1,"\\":2}`, `{"\"":1,"\u0022":2}`, `{"\/":1,"/":2}`},
		`{` + many.String() + `"m":1}`:                            {`{` + many.String() + `"n0":1}`, `{` + many.String() + `"N999":1}`},
		deep(`{"a":1,"b":{"a":2}}`):                               {deep(`{"a":1,"b":{},"a":2}`), deep(`{"b":{"a":1,"A":2}}`)},
		`[{"a":1},{"a":1}]`:                                       {`[{"a":1,"a":1}]`, `[[],[{"b":[1,{}]},{"a":1,"b":{},"a":1}]]`},
	} {
		for _, place := range []string{`{"user":{"user_id":"5"},"z":%s}`, `{"z":[1,{"y":%s}],"user":{"user_id":"5"}}`, `{"user":{"state":%s,"user_id":"5"}}`, "{\n\"user\":{\"user_id\":5},\r\n\"z\":\t%s}"} {
			if reason := reasonOf(fmt.Sprintf(place, one)); reason != "" {
				t.Errorf("%.200s in %s: reason %q", one, place, reason)
			}
			for _, object := range twice {
				if reason := reasonOf(fmt.Sprintf(place, object)); reason != transform.DuplicateName {
					t.Errorf("%.200s in %s: reason %q", object, place, reason)
				}
			}
		}
	}
	for _, record := range []string{ // where user.user_id stands, it counts, too
		`{"User":{"user_id":"4"},"user":{"user_id":"5"}}`, `{"user":{"user_id":"5"},"USER":null}`, `{"user":{"user_id":"5","User_ID":"4"}}`,
		`{"user":{"USER_ID":"4","user_id":"5"}}`, `{"user":{"user_id":"5"},"a":1,"a":2}`, `[{"a":1,"a":2}]`,
	} {
		if reason := reasonOf(record); reason != transform.DuplicateName {
			t.Errorf("%s: reason %q", record, reason)
		}
	}
}

// What is one letter but for case is what strings.EqualFold says, for every letter.
func TestCaseIsThatOfUnicode(t *testing.T) {
	for letter := rune(1); letter <= unicode.MaxRune; letter++ {
		other := unicode.SimpleFold(letter)
		if other == letter {
			continue
		}
		for name, want := range map[string]transform.Reason{string(other): transform.DuplicateName, string(other) + "_": ""} {
			record := fmt.Sprintf(`{"user":{"user_id":"5"},"%c":1,"%s":2}`, letter, name)
			if reason := reasonOf(record); reason != want {
				t.Fatalf("%s (%U and %U): reason %q", record, letter, other, reason)
			}
		}
	}
}

// Random objects with few names, against the definition: two names of one object that strings.EqualFold calls equal.
func TestNamesTwiceInRandomObjects(t *testing.T) {
	spelled := map[string]string{"a": "a", "A": "A", `\u0061`: "a", "ab": "ab", "aB": "aB", "": "", "k": "k", "K": "K", "é": "é", `\u00C9`: "É", "a\\\\": `a\`,
		"eight by": "eight by", "Eight by": "Eight by", "eight byte": "eight byte", "eight bytes": "eight bytes", "eight Byte": "eight Byte", ":": ":", ",": ","}
	written := rapid.SampledFrom([]string{"a", "A", `\u0061`, "ab", "aB", "", "k", "K", "é", `\u00C9`, "a\\\\",
		"eight by", "Eight by", "eight byte", "eight bytes", "eight Byte", ":", ","})
	rapid.Check(t, func(t *rapid.T) {
		duplicate := false
		var value func(levels int) string
		object := func(levels int) string {
			var members, names []string
			for range rapid.IntRange(0, 4).Draw(t, "members") {
				name := written.Draw(t, "name")
				for _, other := range names {
					duplicate = duplicate || strings.EqualFold(other, spelled[name])
				}
				names = append(names, spelled[name])
				members = append(members, `"`+name+`"`+rapid.SampledFrom([]string{":", " : "}).Draw(t, "colon")+value(levels-1))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
		value = func(levels int) string {
			switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case kind < 2 && levels > 0:
				return object(levels)
			case kind == 2 && levels > 0:
				return "[" + value(levels-1) + "," + value(levels-1) + "]"
			}
			return rapid.SampledFrom([]string{`"a"`, `"\":\""`, `":"`, "5", "null", `"\\"`}).Draw(t, "scalar")
		}
		record := `{"user":{"user_id":5,"x":` + object(3) + `},"y":` + value(3) + "}"
		want := transform.Reason("")
		if duplicate {
			want = transform.DuplicateName
		}
		if reason := reasonOf(record); reason != want {
			t.Fatalf("%s: reason %q, want %q", record, reason, want)
		}
	})
}

// twice reports a name that stands more than once.
func twice(seen map[string]int) bool {
	for _, n := range seen {
		if n > 1 {
			return true
		}
	}
	return false
}
