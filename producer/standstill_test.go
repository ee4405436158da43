package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// address waits until the HTTP server is there.
func (p *process) address() string {
	p.rig.t.Helper()
	var found []string
	testenv.Eventually(p.rig.t, "the address is not logged", func() bool {
		found = regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(p.stderr.String())
		return found != nil
	})
	return found[1]
}

// get returns the status and the text of an answer.
func (p *process) get(path string) (int, string) {
	p.rig.t.Helper()
	answer, err := http.Get("http://" + p.address() + path)
	if err != nil {
		p.rig.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		p.rig.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// A supervisor kills 30 s after SIGTERM. By then each event is in the stream or on disk. Before, a producer whose stream
// hung took 30 s for its drain (seen: still there after 25 s, 14,000 events in its memory).
func TestAStopInAStandstillSpillsBeforeTheGraceIsOver(t *testing.T) {
	const events, grace = 15_000, 25 * time.Second
	r := newRig(t)
	if err := os.WriteFile(r.path("feed"), []byte(r.lines(events)), 0o600); err != nil {
		t.Fatal(err)
	}
	hang := r.throughProxy().Add(faults.Rule{Operation: "PutRecords", Skip: 2, Fault: faults.Hang()})
	p := r.start("", "--input", "feed", "--rate", "max")
	testenv.Eventually(t, "no call hangs", func() bool { return hang.Hits() > 0 })
	time.Sleep(time.Second) // most lines are read
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended():
	case <-time.After(grace):
		p.Kill()
		t.Errorf("still there after %s", grace)
	}
	if code := p.wait(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	spilled, err := os.ReadFile(r.path("spill.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for id := range r.ledger() {
		kept[id] = true
	}
	for _, id := range regexp.MustCompile(`line-\d+`).FindAllString(string(spilled), -1) {
		kept[id] = true
	}
	if len(kept) < events/5 {
		t.Errorf("%d of %d lines were read before the stop", len(kept), events)
	}
	for i := range len(kept) { // those that were read: the stop ends reading
		if id := fmt.Sprintf("line-%d", i); !kept[id] {
			t.Fatalf("%s is neither in the stream nor in the spill, but %d lines are", id, len(kept))
		}
	}
}

// A start that waits is healthy and not ready, and it is outlasted. Before, there was no HTTP server during the start, and
// three throttled answers ended it with exit code 1 after two seconds.
func TestAStartWaitsAndSaysSo(t *testing.T) {
	r := newRig(t)
	throttled := r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: faults.JSONError(400, "LimitExceededException")})
	p := r.start("", "--rate", "100", "--http", "127.0.0.1:0")
	testenv.Eventually(t, "the start does not go on", func() bool { return throttled.Hits() > 6 })
	if code, text := p.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "starting") {
		t.Errorf("/readyz: %d %s", code, text)
	}
	if code, text := p.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d %s", code, text)
	}
	throttled.Remove()
	testenv.Eventually(t, "nothing is put", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	r.awaitLedger(10)
	p.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 || !strings.Contains(p.stderr.String(), "the start waits for the description of the stream") {
		t.Errorf("exit code %d", code)
	}
}
