package main_test

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

func TestEventsFromStandardInputAndFromAFile(t *testing.T) {
	r := newRig(t)
	p := r.start(r.lines(100)+"no event\n", "--input", "-", "--rate", "max")
	if code := p.wait(); code != 3 || !strings.Contains(p.stderr.String(), `"line":101`) {
		t.Errorf("exit code %d, want 3 for a rejected line:\n%s", code, p.stderr.String())
	}
	if s := r.summary(); s.Records != 100 || s.Rejected != 1 {
		t.Errorf("summary %+v", s)
	}
	more := strings.ReplaceAll(r.lines(100), "line-", "more-")
	if err := os.WriteFile(r.path("feed"), []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(0, "--input", "feed", "--rate", "max", "--count", "90")
	if beyond := r.verify(); len(beyond) > 0 || len(r.ledger()) != 190 {
		t.Errorf("%d in the ledger, %d in the stream only", len(r.ledger()), len(beyond))
	}
	for _, one := range r.records() {
		if !strings.Contains(r.lines(100)+more, string(one.Data)+"\n") {
			t.Errorf("the stream has %q", one.Data)
		}
	}
}

// A file that cannot be written is an error at once, and not after hours.
func TestFilesThatCannotBeWrittenAreReportedAtTheStart(t *testing.T) {
	r := newRig(t)
	for _, flag := range []string{"--ledger", "--summary", "--spill"} {
		if p := r.run(1, flag, "absent/file", "--count", "1"); !strings.Contains(p.stderr.String(), "absent/file") {
			t.Errorf("%s: %s", flag, p.stderr.String())
		}
	}
	if _, err := r.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream}); err == nil {
		t.Error("the stream was created")
	}
}

// The server is down for longer than the record TTL. Later it is up again, and a resend puts the spilled events.
func TestWhatCannotBePutIsSpilledAndResent(t *testing.T) {
	r := newRig(t)
	proxy := r.throughProxy()
	p := r.start("", "--rate", "100", "--count", "600", "--record-ttl", "1s")
	r.awaitLedger(100)
	proxy.Down()
	if code := p.wait(); code != 3 || !strings.Contains(p.stderr.String(), "producer resend") {
		t.Errorf("exit code %d, want 3 and what to do:\n%s", code, p.stderr.String())
	}
	s := r.summary()
	if err := proxy.Up(); err != nil {
		t.Fatal(err)
	}
	r.run(0, "resend")
	if again := r.summary(); again.Records != s.Spilled || s.Records+s.Spilled != 600 {
		t.Errorf("first %+v, then %+v", s, again)
	}
	beyond := r.beyond()
	if len(r.ledger()) != 600 || len(beyond) > int(s.PossibleDuplicates) {
		t.Errorf("%d in the ledger, %d beyond, %d possible duplicates", len(r.ledger()), len(beyond), s.PossibleDuplicates)
	}
	if files, err := fs.Glob(os.DirFS(r.dir), "spill*"); len(files) > 0 || err != nil {
		t.Errorf("left behind: %v %v", files, err)
	}
	r.run(0, "resend") // nothing there
}

// The next resend puts the events that a stopped resend did not put, and only these.
func TestAStoppedResendGoesOnWhereItStopped(t *testing.T) {
	r := newRig(t)
	r.createStream()
	if err := os.WriteFile(r.path("spill.ndjson"), []byte(r.lines(600)), 0o600); err != nil {
		t.Fatal(err)
	}
	hang := r.throughProxy().Add(faults.Rule{Operation: "PutRecords", Skip: 1, Fault: faults.Hang()})
	p := r.start("", "resend")
	r.awaitLedger(1)
	testenv.Eventually(t, "no call hangs", func() bool { return hang.Hits() > 0 })
	p.Signal(syscall.SIGINT)
	if code := p.wait(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if n := len(r.ledger()); n >= 600 {
		t.Fatalf("%d were put before the signal", n)
	}
	hang.Remove()
	r.run(0, "resend")
	if beyond := r.verify(); len(r.ledger()) != 600 || len(beyond) > 0 {
		t.Errorf("%d in the ledger, %d twice", len(r.ledger()), len(beyond))
	}
}

// A write that failed leaves a spill file without events. The next file is resent all the same.
func TestAnEmptySpillFileDoesNotHideTheNext(t *testing.T) {
	r := newRig(t)
	r.createStream()
	for name, text := range map[string]string{"spill.ndjson.sending": "", "spill.ndjson": r.lines(7)} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p := r.run(0, "resend"); !strings.Contains(p.stderr.String(), "producer resend") {
		t.Error("the log does not say that there is another file")
	}
	r.run(0, "resend")
	if n := len(r.ledger()); n != 7 {
		t.Errorf("%d of 7 were put", n)
	}
	if err := os.WriteFile(r.path("spill.ndjson"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if p := r.run(0, "--count", "1"); strings.Contains(p.stderr.String(), "producer resend") {
		t.Error("an empty file is said to hold events")
	}
}
