package tail_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/callevents/shared/testenv/tail"
)

func TestEachLineIsReadOnceAndWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	file := tail.File{Path: path}
	written := ""
	for _, step := range []struct {
		add  string
		want []string
	}{{"", nil}, {"a\nb", []string{"a"}}, {"", nil}, {"c\n\nd", []string{"bc", ""}}, {"\n", []string{"d"}}} {
		var got []string
		if written += step.add; written != "" { // at first there is no file
			if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := file.Lines(func(line string) { got = append(got, line) }); err != nil || !slices.Equal(got, step.want) {
			t.Errorf("after %q: %q, %v, want %q", step.add, got, err, step.want)
		}
	}
}
