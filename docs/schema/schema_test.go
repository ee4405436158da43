package schema_test

import (
	"flag"
	"os"
	"testing"

	"example.com/callevents/docs/schema"
)

var update = flag.Bool("update", false, "write the files")

func TestTheFilesAreCurrent(t *testing.T) {
	for name, want := range schema.Files() {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s is not what package schema makes (%v); after a change of the columns: go test ./docs/schema -update", name, err)
		}
	}
}
