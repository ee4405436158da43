package main_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv/faults"
)

// tell makes a stream say something more of itself.
func tell(field string) faults.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		body := bytes.Replace(answer.Body.Bytes(), []byte(`"StreamDescriptionSummary":{`), []byte(`"StreamDescriptionSummary":{`+field+`,`), 1)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = io.Copy(w, bytes.NewReader(body))
	}
}

// Before, such a run put containers whose user records come out on other shards (seen: 346 of 400 events were dropped by
// their readers).
func TestNoContainersNoOrderAndNoJournalOnAStreamThatDistributesItself(t *testing.T) {
	r := newRig(t)
	r.createStream()
	r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: tell(`"RecordDistributionStrategy":"AUTO"`)})
	for flag, flags := range map[string][]string{"--aggregate": nil, "--strict-order": nil, "--journal=journal": r.withInput(1)[:2]} {
		if p := r.run(1, append(flags, flag, "--count", "1")...); !strings.Contains(p.stderr.String(), "USER_PARTITION_KEY") {
			t.Errorf("%s: %s", flag, p.stderr.String())
		}
	}
	r.run(0, "--count", "1")
}

// Of three events the second is larger than the stream takes. Before, with --max-record-bytes 10MiB, none was put and all
// were spilled, in each resend again.
func TestAnEventThatTheStreamDoesNotTakeIsPutAside(t *testing.T) {
	for name, told := range map[string]bool{"the stream tells its limit": true, "the limit is another one": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.createStream()
			if !told {
				// the server here takes 1 MiB
				r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: tell(`"MaxRecordSizeInKiB":10240`)})
			}
			lines := strings.SplitAfter(r.lines(3), "\n")
			large := strings.Replace(lines[1], `"user"`, `"padding":"`+strings.Repeat("x", 3<<19)+`","user"`, 1)
			if err := os.WriteFile(r.path("spill.ndjson"), []byte(lines[0]+large+"no event\n"+lines[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			p := r.run(3, "resend")
			if s := r.summary(); s.Records != 2 || s.Rejected != 2 || s.Spilled != 0 || !strings.Contains(p.stderr.String(), `"call_id":"line-1"`) {
				t.Errorf("summary %+v", s)
			}
			aside, err := os.ReadFile(r.path("spill.rejected.ndjson"))
			if err != nil || len(aside) != len(large)+len("no event\n") || !strings.Contains(string(aside), large) {
				t.Errorf("%d bytes were put aside, %v", len(aside), err)
			}
			r.run(0, "resend") // nothing is left
			if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 2 {
				t.Errorf("%d in the ledger, %v in the stream only", len(r.ledger()), beyond)
			}
		})
	}
}
