package audit_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/warehouse"
)

func TestWhatTheProducerSentTwiceIsNoDuplicate(t *testing.T) {
	again := func(t *testing.T, w *world, ledger ...string) map[audit.Fault]int {
		w.edit(t, w.keys["206"], replace(event(207, "512")+"\n", event(205, "512")+"\n"))
		w.ledger = slices.DeleteFunc(w.ledger, func(line string) bool {
			return strings.HasPrefix(line, callID(205)+",") || strings.HasPrefix(line, callID(207)+",")
		})
		w.ledger = append(w.ledger, ledger...)
		r := w.verify(t, true)
		if wantResent := 1 - r.Faults[audit.Duplicates]; r.Resent != wantResent {
			t.Errorf("%d sent twice, want %d", r.Resent, wantResent)
		}
		return faults(r)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,205", "call-205,shardId-000000000001,207"); len(got) > 0 {
		t.Errorf("acknowledged twice: %v", got)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,207,1"); len(got) > 0 {
		t.Errorf("one unknown send before: %v", got)
	}
	if got := again(t, newWorld(t, warehouse.NDJSON), "call-205,shardId-000000000001,205,0"); got[audit.Duplicates] != 1 {
		t.Errorf("acknowledged once: %v", got)
	}
}

func TestInformation(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	w.edit(t, w.keys["203"], replace("call_id", "id"))
	w.ledger = slices.DeleteFunc(w.ledger, func(line string) bool {
		return strings.HasPrefix(line, callID(204)+",") || strings.HasPrefix(line, callID(101)+",")
	})
	r := w.verify(t, true)
	if !r.OK() || r.NoCallID != 1 || r.NotInLedger != 1 || r.LedgerRecords != 22 {
		t.Errorf("%+v", r)
	}
	var back audit.Report
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || back.Records != r.Records || !maps.Equal(back.Faults, r.Faults) || !maps.Equal(back.Unchecked, r.Unchecked) || !bytes.Contains(b, []byte(`{"verdict":"unchecked",`)) {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	if lines := strings.Join(w.verify(t, false).Lines(), "\n"); !strings.Contains(lines, "not checked (0 of 8 links), needs a ledger or the stream") {
		t.Errorf("a report without a ledger:\n%s", lines)
	}
}

func TestLedgers(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	good := strings.Join(w.ledger, "\n") + "\n"
	for name, tc := range map[string]struct {
		ledger string
		err    string
		lost   int
	}{
		"good":                  {good, "", 0},
		"quoted":                {good + "\"a,\"\"b\",shardId-000000000001,300\n", "", 1},
		"cut sequence number":   {good + "late,shardId-000000000001,30", "", 0},
		"cut shard":             {good + "late,sha", "", 0},
		"cut quoted call_id":    {good + "\"lat", "", 0},
		"empty":                 {"", "", 0},
		"bad sequence number":   {good + "x,shardId-000000000001,12a\n", "line 25", 0},
		"too few fields":        {"x,shardId-000000000001\n" + good, "line 1", 0},
		"too many fields":       {good + "x,s,1,2,3,4\n", "6 fields", 0},
		"unknown sends, no one": {good + "x,s,1,many\n", "unknown sends", 0},
		"broken in the middle":  {"x,\"y\"z,1\n" + good, "parse error", 0},
	} {
		cfg := w.cfg
		cfg.Ledger = strings.NewReader(tc.ledger)
		r, err := audit.Run(t.Context(), w.client, cfg)
		if tc.err == "" && (err != nil || r.Faults[audit.Lost] != tc.lost || len(faults(r)) > tc.lost) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: %v, want an error about %q", name, err, tc.err)
		}
	}
}
