package pipeline_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("rapid.nofailfile", "true") // the message has it all,
	_ = flag.Set("rapid.shrinktime", "1ns")  // and shorten is better at it
	_ = flag.Set("test.parallel", "8")       // the failure matrix mostly waits
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(strconv.Itoa(histories() / 5)) // with the race detector; TestEveryRuleIsNeeded plays all without it
	}
	testenv.Main(m)
}

// TestEveryRecordIsInExactlyOneObject runs random histories of several workers over one shard: crashes at every
// request, zombies, requests that are applied long after their sender died, lost answers, conflicts, trims, lease rows
// that are deleted, restored or rewound, pages that overlap, another layout after all have stopped. Shards end, and others
// follow. A producer repeats itself, early and late. After each history, one worker without faults finishes the last shard; then
// the objects must hold every event exactly once, in order, in unbroken chains.
//
// More histories: go test ./consumer/pipeline -run Exactly -rapid.checks=1000000. A failure prints its seed and the
// shortest history that was found to show it.
func TestEveryRecordIsInExactlyOneObject(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := make([]byte, 2*rapid.IntRange(1, 200).Draw(rt, "steps"))
		_, _ = rand.NewChaCha8(rapid.Make[[32]byte]().Draw(rt, "seed")).Read(script)
		if history(t, script, nil) == nil {
			return
		}
		var mu sync.Mutex // its workers tell it at the same time
		var story []string
		err := history(t, shorten(t, script), func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			story = append(story, fmt.Sprintf(format, args...))
		})
		rt.Fatalf("%v\n%s", err, strings.Join(story, "\n"))
	})
}

// shorten leaves out steps that a failing history does not need, as far as it gets in a few seconds.
func shorten(t *testing.T, script []byte) []byte {
	deadline := time.Now().Add(5 * time.Second)
	for size := len(script) / 2; size >= 2; size /= 2 {
		size -= size % 2
		for at := 0; at+size <= len(script) && time.Now().Before(deadline); {
			if shorter := slices.Concat(script[:at], script[at+size:]); history(t, shorter, nil) != nil {
				script = shorter
			} else {
				at += size
			}
		}
	}
	return script
}

// history plays a script, reads what is left to its end, and checks what is there.
func history(t *testing.T, script []byte, log func(string, ...any)) (err error) {
	if log == nil {
		log = func(string, ...any) {}
	}
	synctest.Test(t, func(*testing.T) {
		w := &world{log: log, bucket: bucket{objects: map[string]object{}}}
		defer w.stop()
		for len(script) >= 2 && err == nil {
			err = w.step(script[0], script[1])
			script = script[2:]
			w.wait()
		}
		if err == nil {
			err = w.readToTheEnd()
		}
		if err == nil {
			err = w.check()
		}
	})
	return err
}

// step does one thing that can happen, if it can happen now.
func (w *world) step(op, arg byte) error {
	requests, late := w.network.requests(), w.network.lateRequests()
	switch op %= 24; {
	case op < 9 && len(requests) > 0:
		fate := max(op, 5) - 5 // mostly done
		if op == 8 {
			fate = fateHang
		}
		r := requests[int(arg)%len(requests)]
		w.resolve(r, fate, turn{records: int(arg/8) % 8, overlap: int(arg / 64), drain: arg == 255})
	case op == 9 && len(late) > 0:
		r := late[int(arg)%len(late)]
		w.log("%d  %s: applied late", r.worker, r.what)
		w.network.deliver(r)
	case op == 10 || op == 11:
		w.log("-  put %d", arg)
		for range arg%3 + 1 {
			w.stream.put(arg / 3)
		}
	case op == 13 || op == 14 && len(w.workers) == 0:
		if len(w.workers) < 8 {
			v := w.acquire()
			w.log("%d  acquires the lease, %+v", v.id, w.row)
		}
	case op == 15 && len(w.workers) > 0:
		w.disturb(w.workers[int(arg)%len(w.workers)], arg/64)
	case op == 16 && len(w.stream.records) > w.stream.trimmed:
		w.stream.trimmed += int(arg) % (len(w.stream.records) - w.stream.trimmed + 1)
		w.log("-  trimmed: %d", w.stream.trimmed)
	case op == 17:
		w.tamper(arg)
	case op == 18:
		w.log("-  time passes")
		time.Sleep([]time.Duration{6 * time.Second, flushInterval}[arg%2])
	case op == 12:
		w.first(arg)
	case op == 20 || op == 21:
		w.again(arg)
	case op == 22:
		w.oddly(arg)
	case op == 23 && arg > 224:
		return w.reshard()
	case op == 19:
		w.stream.nextDay(int(arg)%3 + 1)
		w.log("-  day %d, trimmed: %d", w.stream.day, w.stream.trimmed)
	}
	return nil
}

// disturb does to a worker what a person or a lost lease does.
func (w *world) disturb(v *worker, how byte) {
	switch {
	case how < 2:
		w.log("%d  dies", v.id)
		v.kill()
	case how == 2:
		w.log("%d  is to stop", v.id)
		v.term()
	case v.id != w.row.owner:
		w.log("%d  learns that it has lost the lease", v.id)
		v.lose(errLost)
	}
}

// tamper does to the lease row what a person or a restored backup may do.
func (w *world) tamper(arg byte) {
	switch n := len(w.former); {
	case arg >= 224:
		w.relayout(int(arg))
	case arg%3 == 0:
		w.row = row{}
	case arg%3 == 1 && n > 0:
		former := w.former[int(arg)%n]
		w.row.checkpoint, w.row.day, w.row.dayOf = former.checkpoint, former.day, former.dayOf
	default: // any sequence number that is behind, the day left alone
		for i := len(w.stream.numbers) - 1 - int(arg)%4; i >= 0; i-- {
			if n := w.stream.numbers[i].String(); ahead(w.row.checkpoint, n) {
				w.row.checkpoint = n
				break
			}
		}
	}
	w.log("-  row: %+v", w.row)
}

// readToTheEnd ends the faults: everybody but a new owner dies, requests on their way arrive or not, and the owner reads
// the shard to its end.
func (w *world) readToTheEnd() error {
	w.stopAll()
	w.network.late = nil
	if w.row.checkpoint == "SHARD_END" {
		w.row.checkpoint = ""
	}
	w.log("-  the faults end")
	v := w.acquire()
	for range 2_000 {
		w.wait()
		requests := w.network.requests()
		switch {
		case !v.alive():
			return nil
		case len(requests) == 0:
			time.Sleep(6 * time.Second)
		default:
			w.resolve(requests[0], fateDone, turn{records: 100, finish: true})
		}
	}
	return errors.New("does not come to the end")
}
