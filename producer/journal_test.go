package main_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv/faults"
)

// withInput writes an input of n events, and returns the flags for it and its journal.
func (r *rig) withInput(n int) []string {
	r.t.Helper()
	if err := os.WriteFile(r.path("input.ndjson"), []byte(r.lines(n)), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return []string{"--input", "input.ndjson", "--journal", "journal"}
}

// A run that ends in order is gone on with, and what was put is not put again. What was spilled is for a resend. Seen to fail with
// a journal that is not told of spilled events: they were put twice.
func TestAJournalGoesOnWithoutRepeats(t *testing.T) {
	r := newRig(t)
	flags := r.withInput(900)
	p := r.start("", append(flags, "--rate", "300")...)
	r.awaitLedger(100)
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	proxy := r.throughProxy()
	refused := proxy.Add(faults.Rule{Operation: "PutRecords", Skip: 1, Fault: faults.JSONError(400, "ProvisionedThroughputExceededException")})
	r.run(3, append(flags, "--rate", "300", "--count", "300", "--record-ttl", "1s")...)
	refused.Remove()
	r.run(0, append(flags, "--rate", "max")...)
	spilled := r.summary()
	r.run(0, "resend")
	if n, lines := len(r.records()), len(r.ledger()); n != 900 || lines != 900 {
		t.Errorf("%d records in the stream, %d in the ledger; the last run: %+v", n, lines, spilled)
	}
	if p := r.run(0, flags...); r.summary().Records != 0 || !strings.Contains(p.stderr.String(), `"event":900`) {
		t.Errorf("after the end of the input: %+v\n%s", r.summary(), p.stderr.String())
	}
}

func TestAJournalNeedsAnInputAndIdentities(t *testing.T) {
	r := newRig(t)
	for _, flags := range [][]string{{}, {"--input", "-"}, {"--input", "input.ndjson", "--no-identity"}} {
		if p := r.run(2, append(flags, "--journal", "journal")...); !strings.Contains(p.stderr.String(), "--journal") {
			t.Errorf("%v: %s", flags, p.stderr.String())
		}
	}
}

// A stream that was deleted and made again has none of what the journal says.
func TestAJournalIsOfOneStream(t *testing.T) {
	r := newRig(t)
	flags := append(r.withInput(10), "--rate", "max")
	r.run(0, flags...)
	if _, err := r.client.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &r.stream}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // the time of a stream's creation has whole seconds
	if p := r.run(1, flags...); !strings.Contains(p.stderr.String(), "is of another stream") {
		t.Errorf("%s", p.stderr.String())
	}
}
