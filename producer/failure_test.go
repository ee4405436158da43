package main_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// After a kill the stream has the records of the calls in flight without a line in the ledger, and no others. Here these
// are two calls that were applied and never answered.
func TestTheLedgerSurvivesSIGKILL(t *testing.T) {
	r := newRig(t)
	var answered, unanswered atomic.Int64 // records
	counting := func(records *atomic.Int64, then faults.Fault) faults.Fault {
		return func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
			body, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(body))
			records.Add(int64(bytes.Count(body, []byte(`"PartitionKey"`))))
			then(w, req, pass)
		}
	}
	proxy := r.throughProxy()
	first := func(w http.ResponseWriter, req *http.Request, pass http.Handler) { pass.ServeHTTP(w, req) }
	proxy.Add(faults.Rule{Operation: "PutRecords", Times: 5, Fault: counting(&answered, first)})
	hanging := proxy.Add(faults.Rule{Operation: "PutRecords", Fault: counting(&unanswered, faults.Lose(faults.Hang()))})
	p := r.start("", "--rate", "2000", "--in-flight", "2")
	testenv.Eventually(t, "not both calls hang, or what was answered is not in the ledger", func() bool {
		return hanging.Hits() >= 2 && len(r.ledger()) == int(answered.Load())
	})
	p.Kill()
	testenv.Eventually(t, "the calls under way do not arrive", func() bool {
		return len(r.records()) == len(r.ledger())+int(unanswered.Load())
	})
	beyond, copies := r.beyond(), 0
	for _, n := range beyond {
		copies += n
	}
	if copies != int(unanswered.Load()) || len(beyond) > 2*500 || len(r.ledger()) == 0 {
		t.Errorf("%d records in the ledger, %d in the stream only; %d were not answered", len(r.ledger()), len(beyond), unanswered.Load())
	}
}

func TestThrottledCallsAndLostAnswers(t *testing.T) {
	r := newRig(t)
	proxy := r.throughProxy()
	rules := []*faults.Active{
		proxy.Add(faults.Rule{Operation: "PutRecords", Skip: 1, Times: 3, Fault: faults.JSONError(400, "ProvisionedThroughputExceededException")}),
		proxy.Add(faults.Rule{Operation: "PutRecords", Skip: 3, Times: 2, Fault: faults.Lose(faults.Drop())}),
		proxy.Add(faults.Rule{Operation: "PutRecords", Skip: 6, Times: 2, Fault: faults.Drop()}),
	}
	p := r.start("", "--rate", "200")
	testenv.Eventually(t, "not all faults have happened", func() bool { return rules[0].Hits()+rules[1].Hits()+rules[2].Hits() == 7 })
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	beyond, entries, s := r.beyond(), r.ledger(), r.summary()
	if len(entries) != int(s.Records) || s.Throttled == 0 || s.PossibleDuplicates == 0 || s.FailedCalls != 7 {
		t.Errorf("%d in the ledger, summary %+v", len(entries), s)
	}
	twice := 0
	for id, n := range beyond {
		twice += n
		if entry := entries[id]; len(entry) != 5 || entry[3] < strconv.Itoa(n) { // one digit each
			t.Errorf("%d copies in the stream beside that of the ledger's %q", n, entry)
		}
	}
	if twice == 0 || len(beyond) > int(s.PossibleDuplicates) { // a record may be there three times, but counts once
		t.Errorf("%d records are in the stream twice or more, %d possible ones counted", len(beyond), s.PossibleDuplicates)
	}
}

// Each record that is due is put or skipped, and none is late. That is exact, whatever the stall.
func TestAStallIsSkippedOnRequest(t *testing.T) {
	r := newRig(t)
	proxy := r.throughProxy()
	stall := proxy.Add(faults.Rule{Operation: "PutRecords", Skip: 5, Fault: faults.Hang()})
	p := r.start("", "--rate", "50", "--duration", "8s", "--on-stall", "skip")
	testenv.Eventually(t, "no call hangs", func() bool { return stall.Hits() > 0 })
	time.Sleep(3 * time.Second)
	stall.Remove()
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if s := r.summary(); s.Skipped == 0 || s.Records+s.Skipped != 400 || s.Late != 0 {
		t.Errorf("summary %+v", s)
	}
}

func TestASignalBeforeTheStreamIsThereEndsAtOnce(t *testing.T) {
	r := newRig(t)
	wait := r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: faults.Hang()})
	p := r.start("")
	testenv.Eventually(t, "the stream is not looked for", func() bool { return wait.Hits() > 0 })
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalExitsAtOnce(t *testing.T) {
	r := newRig(t)
	put := r.throughProxy().Add(faults.Rule{Operation: "PutRecords", Fault: faults.Hang()})
	p := r.start("")
	testenv.Eventually(t, "nothing is put", func() bool { return put.Hits() > 0 })
	p.Signal(syscall.SIGINT)
	for ended := false; !ended; { // the second must come after the first was handled
		select {
		case <-p.Ended():
			ended = true
		case <-time.After(200 * time.Millisecond):
			p.Signal(syscall.SIGINT)
		}
	}
	if code := p.wait(); code != -1 {
		t.Errorf("exit code %d, want the end by a signal", code)
	}
	if text, err := os.ReadFile(r.path("summary.json")); err != nil || len(text) > 0 {
		t.Error("the run was finished all the same")
	}
}
