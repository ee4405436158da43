package main

import (
	"fmt"
	"time"

	"example.com/callevents/shared/sequence"
)

// recovery is under way from the moment that a fault began or ended until every shard has warehoused a later record.
type recovery struct {
	kind        string
	began       time.Time
	before      map[string]sequence.Number // the newest records put by then
	overlapping bool                       // other faults were there
}

// measurement is how long a recovery took.
type measurement struct {
	kind        string
	took        time.Duration
	overlapping bool
}

// measure begins to measure a recovery, instead of another unless that is nil.
func (w *watch) measure(insteadOf *recovery, kind string, overlapping bool) *recovery {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.recoveries, insteadOf)
	r := &recovery{kind: kind, began: time.Now(), before: map[string]sequence.Number{}, overlapping: overlapping}
	for id, s := range w.shards {
		r.before[id] = s.put
	}
	w.recoveries[r] = true
	return r
}

// endRecoveries measures the recoveries that are over.
func (w *watch) endRecoveries() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.recoveries {
		if w.over(r) {
			m := measurement{r.kind, time.Since(r.began), r.overlapping}
			w.measured = append(w.measured, m)
			w.recovered(m)
			delete(w.recoveries, r)
		}
	}
}

// over reports that every shard has warehoused a record that was put after the recovery began. To a closed shard no
// such record may have come, so it has to have warehoused everything.
func (w *watch) over(r *recovery) bool {
	for id, s := range w.shards {
		if s.put != "" && !s.warehoused.After(r.before[id]) && (!s.closed || s.behind()) {
			return false
		}
	}
	return true
}

// recovering reports that a recovery is not over.
func (w *watch) recovering() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.recoveries) > 0
}

// giveUp drops the recoveries that are not over, and returns the kinds of their faults.
func (w *watch) giveUp() (kinds []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.recoveries {
		kinds = append(kinds, r.kind)
		delete(w.recoveries, r)
	}
	return kinds
}

// stalled returns the shards that are behind and made no progress for longer than patience. The time before since does
// not count, nor does the time in which a parent made progress: a shard waits for its parents.
func (w *watch) stalled(since time.Time, patience time.Duration) (shards []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.shards {
		last := latest(since, s.progress)
		for _, parent := range s.parents {
			last = latest(last, w.shard(parent).progress)
		}
		if s.behind() && time.Since(last) > patience {
			shards = append(shards, fmt.Sprintf("%s (put %s, warehoused %s)", id, s.put, s.warehoused))
		}
	}
	return shards
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// generations returns how many generations of shards came before the youngest.
func (w *watch) generations() (most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shards {
		most = max(most, s.generation)
	}
	return most
}

// behind returns how many shards have records that are not warehoused.
func (w *watch) behind() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shards {
		if s.behind() {
			n++
		}
	}
	return n
}
