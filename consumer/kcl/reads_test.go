package kcl_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// Defects 5 and 14. Seen to fail with a reader that returns its errors.
func TestFailingReadsAreOutlasted(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]faults.Rule{
		"shard iterator refused": {Operation: "GetShardIterator", Times: 4, Fault: faults.JSONError(400, "InvalidArgumentException")},
		"records refused":        {Operation: "GetRecords", Times: 7, Fault: faults.JSONError(500, "InternalFailure")},
		"throttled":              {Operation: "GetRecords", Times: 6, Fault: faults.JSONError(400, "ProvisionedThroughputExceededException")},
		"answer lost":            {Operation: "GetRecords", Times: 6, Fault: faults.Lose(faults.Drop())},
		"answer cut":             {Operation: "GetRecords", Times: 3, Fault: faults.Cut()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			r.put(50)
			struck := r.kinesis.Add(rule)
			n := r.run("a")
			r.put(50)
			r.verify()
			testenv.Eventually(t, "the fault never struck", func() bool { return struck.Hits() == rule.Times })
			r.put(50)
			r.verify()
			if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
				t.Errorf("%v leases lost over reads", lost)
			}
		})
	}
}

// Defect 14. Every shard iterator made so far has expired. Seen to fail with a reader that keeps its iterator, and with one
// that starts the next one anew instead of after the last record.
func TestExpiredIteratorIsReplacedAfterTheLastRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.put(50)
	n := r.run("a")
	r.read(50, n)
	made := r.kinesis.Counts()["GetShardIterator"]
	expired := faults.JSONError(400, "ExpiredIteratorException")
	r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
		if r.kinesis.Counts()["GetShardIterator"] == made {
			expired(w, req, pass)
			return
		}
		pass.ServeHTTP(w, req)
	}})
	r.put(50)
	r.verify()
	if read := n.metric("callevents_kinesis_records_read_total"); read != 100 {
		t.Errorf("100 put, %v read", read)
	}
}

// Defects 14 and 19: a call that never answers neither stops the shard for good nor the end of the process. Seen to fail
// with reads that have no deadline, and with reads that don't end when the lease should be left.
func TestHangingReadEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	n := r.run("a")
	n.holds(1)
	hanging := r.kinesis.Add(faults.Rule{Operation: "GetRecords", Times: 1, Fault: faults.Hang()})
	testenv.Eventually(t, "no call hangs", func() bool { return hanging.Hits() > 0 })
	r.put(50)
	r.verify()
	hanging = r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: faults.Hang()})
	testenv.Eventually(t, "no call hangs", func() bool { return hanging.Hits() > 0 })
	n.cancel()
	select {
	case <-n.done:
	case <-time.After(5 * time.Second): // half the deadline
		t.Error("the call holds up the end")
	}
	if row := r.row("shardId-000000000000"); row.Owner != "" {
		t.Errorf("not released: %+v", row)
	}
}

// Defect 12: the library would drop the page, or panic. Seen to fail when user records that cannot be decoded are dropped.
func TestBrokenContainersCostNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	n := r.run("a")
	r.put(10)
	for _, message := range [][]byte{
		{0xff, 0xff, 0xff},                               // no protobuf
		{0x1a, 0x05, 0x08, 0x07, 0x1a, 0x01, 'x'},        // partition key index 7 of none
		append([]byte{0x0a, 0x01, 'k'}, []byte{0x1a}...), // truncated
	} {
		digest := md5.Sum(message)
		r.putRaw(append(append([]byte{0xf3, 0x89, 0x9a, 0xc2}, message...), digest[:]...))
	}
	zero := []byte{0x00, 0xf3}
	r.putRaw(zero)
	r.put(10)
	r.verify()
	testenv.Eventually(t, "not all dead letters are stored", func() bool { return r.report().DeadLetters == 4 })
	if letters := r.letters(); !strings.Contains(letters, fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(zero))) {
		t.Errorf("data that begins with a zero byte came back changed:\n%s", letters)
	}
	if lost := n.metric("callevents_leases_lost_total"); lost != 0 {
		t.Errorf("%v leases lost", lost)
	}
}

// Defect 18: nil MillisBehindLatest ends the stock process. Seen to fail when the reader follows that pointer.
func TestAnswerWithoutMillisBehindLatest(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	struck := r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: edit(func(answer map[string]any) {
		delete(answer, "MillisBehindLatest")
	})})
	r.put(20)
	r.run("a")
	r.verify()
	if struck.Hits() == 0 {
		t.Error("no answer was changed")
	}
}
