package ledger_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/callevents/producer/ledger"
	"example.com/callevents/shared/identity"
)

func TestEntriesAreOnDiskBeforeClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.csv")
	odd := "a,\"b\"\nc"
	id := identity.ID{Lane: identity.Lane{Run: 35, Word: 36}, Number: 1}
	lines := []ledger.Line{
		{CallID: "id-1", ShardID: "shardId-000000000000", SequenceNumber: "49"},
		{CallID: odd, ShardID: "shardId-000000000001", SequenceNumber: "50", Unknown: 2},
		{CallID: "id-2", ShardID: "shardId-000000000000", SequenceNumber: "51", ID: id},
	}
	for range 2 { // the second run goes on where the first stopped
		file, err := ledger.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Append(lines); err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "id-1,shardId-000000000000,49\n") {
		t.Errorf("the ledger begins %q", text)
	}
	reader := csv.NewReader(strings.NewReader(string(text)))
	reader.FieldsPerRecord = -1
	read, err := reader.ReadAll()
	want := [][]string{{"id-1", "shardId-000000000000", "49"}, {odd, "shardId-000000000001", "50", "2"}, {"id-2", "shardId-000000000000", "51", "0", "~1.z.10.1"}}
	if err != nil || !reflect.DeepEqual(read, append(want, want...)) {
		t.Errorf("read back %q, %v", read, err)
	}
}

func TestOpenRemovesALineThatWasCutShort(t *testing.T) {
	for have, want := range map[string]string{"": "", "a,b,1\n": "a,b,1\n", "a,b,1\nc,d": "a,b,1\n", "c,d": "", strings.Repeat("x,y,1\n", 2000) + "x,": strings.Repeat("x,y,1\n", 2000)} {
		path := filepath.Join(t.TempDir(), "ledger.csv")
		if err := os.WriteFile(path, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := ledger.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Append([]ledger.Line{{CallID: "new", ShardID: "s", SequenceNumber: "2"}}); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != want+"new,s,2\n" {
			t.Errorf("%.30q became %.60q", have, got)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := ledger.Open(filepath.Join(t.TempDir(), "absent", "ledger.csv")); err == nil || !strings.Contains(err.Error(), "open ledger") {
		t.Errorf("Open in an absent folder: %v", err)
	}
}
