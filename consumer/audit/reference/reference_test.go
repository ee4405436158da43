package reference_test

import (
	"bytes"
	"crypto/md5"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// upperHalf is the second of two shards. The partition key "p" belongs to it.
var upperHalf = hashkey.Range{First: hashkey.FromWords(1<<63, 0), Last: hashkey.Max()}

// literals are all strings in a Go file. The files here are the tests of the packages that have the first
// implementation: with every string that they try, both must agree.
func literals(t testing.TB, file string) (list []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		return true
	})
	if len(list) < 100 {
		t.Fatalf("only %d strings in %s", len(list), file)
	}
	return list
}

// compareLine wants the same of both implementations.
func compareLine(t interface{ Fatalf(string, ...any) }, record []byte) {
	want, wantReason := transform.Append(nil, record)
	before := bytes.Clone(record)
	got, reason := reference.Line(record)
	if reason != string(wantReason) || !bytes.Equal(got, want) || reason == "" && got == nil {
		t.Fatalf("%.300q: %q %.300q here, %q %.300q in package transform", record, reason, got, wantReason, want)
	}
	if !bytes.Equal(record, before) {
		t.Fatalf("%q was changed", before)
	}
}

// compareOutcomes wants the same of both implementations for a record of the stream. It knows nothing of overflows.
func compareOutcomes(t interface{ Fatalf(string, ...any) }, data []byte, shard hashkey.Range) {
	want := []reference.Outcome{produced(kpl.Record{Data: data})}
	if users, ok := kpl.Split(data, shard); ok {
		want = nil
		for user := range users {
			want = append(want, produced(user))
		}
	}
	got := reference.Outcomes(data, shard)
	if !slices.EqualFunc(got, want, equal) {
		t.Fatalf("%.300q: %+v here, %+v in packages kpl and transform", data, got, want)
	}
}

// produced is what the consumer makes of a user record.
func produced(user kpl.Record) reference.Outcome {
	o := reference.Outcome{Reason: string(user.Reason), Data: user.Data, SubSequence: user.SubSequence,
		PartitionKey: user.PartitionKey, ExplicitHashKey: user.ExplicitHashKey}
	if o.Reason == "" {
		line, reason := transform.Append(nil, user.Data)
		o.Line, o.Reason = line, string(reason)
	}
	return o
}

func equal(a, b reference.Outcome) bool {
	return a.Reason == b.Reason && bytes.Equal(a.Line, b.Line) && bytes.Equal(a.Data, b.Data) &&
		a.SubSequence == b.SubSequence && bytes.Equal(a.PartitionKey, b.PartitionKey) && bytes.Equal(a.ExplicitHashKey, b.ExplicitHashKey)
}

// contain frames a message as a container.
func contain(message []byte) []byte {
	digest := md5.Sum(message)
	return slices.Concat([]byte("\xf3\x89\x9a\xc2"), message, digest[:])
}
