package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/callevents/shared/units"
)

// eventsKept is how many events are remembered.
const eventsKept = 30

// Note notes what this instance did itself.
func (l *Lookout) Note(kind Kind, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(Event{time.Now(), kind, text, false})
}

func (l *Lookout) note(e Event) {
	l.events = slices.Insert(l.events, 0, e)
	l.events = l.events[:min(eventsKept, len(l.events))]
}

// noteStandstills notes which of this instance's shards stand still since now, and which go on.
func (l *Lookout) noteStandstills(own Own, now time.Time) {
	stands := map[string]Standstill{}
	for _, s := range own.Shards {
		if s.Blocked != nil {
			stands[s.ID] = *s.Blocked
		}
	}
	if own.All != nil {
		stands[""] = *own.All
	}
	for _, id := range slices.Sorted(maps.Keys(stands)) {
		if is := stands[id]; l.stands[id].Reason != is.Reason {
			l.note(Event{now, Stands, fmt.Sprintf("%s: %s (%s), no progress since %s", stand(id), wordsOf(is.Reason), is.Reason,
				is.Since.UTC().Format(time.TimeOnly)), false})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.stands)) {
		_, reads := l.figures[id]
		if _, stands := stands[id]; !stands && (reads || id == "") {
			l.note(Event{now, GoesOn, goesOn(id), false})
		}
	}
	l.stands = stands
}

func stand(id string) string {
	if id == "" {
		return "no shard can be acquired"
	}
	return ShortName(id) + " stands still"
}

func goesOn(id string) string {
	if id == "" {
		return "shards can be acquired again"
	}
	return ShortName(id) + " goes on"
}

// noteReshard notes shards that are new in the listing, by their parents.
func (l *Lookout) noteReshard(before, now []Listed, at time.Time) {
	if len(before) == 0 || len(now) == 0 || &before[0] == &now[0] { // no new listing
		return
	}
	known := make(map[string]bool, len(before))
	for _, s := range before {
		known[s.ID] = true
	}
	children := map[string][]string{} // by parents
	for _, s := range now {
		if !known[s.ID] && len(s.Parents) > 0 {
			parents := strings.Join(slices.Sorted(slices.Values(s.Parents)), " ")
			children[parents] = append(children[parents], s.ID)
		}
	}
	verbs := map[bool]string{true: "were merged into", false: "was split into"}
	const told = 4
	for i, parents := range slices.Sorted(maps.Keys(children)) {
		ids := strings.Fields(parents)
		if i == told {
			l.note(Event{at, Resharded, fmt.Sprintf("%d more parents have new children", len(children)-told), false})
			break
		}
		l.note(Event{at, Resharded, fmt.Sprintf("%s %s %s", names(ids), verbs[len(ids) > 1], names(children[parents])), false})
	}
}

// noteMoves notes what the table shows of other workers: who came, who went, which shards moved, what stands still. What this
// instance did itself it has noted already.
func (l *Lookout) noteMoves(before, now seen) {
	add := func(kind Kind, format string, args ...any) {
		l.note(Event{now.at, kind, fmt.Sprintf(format, args...), true})
	}
	for _, id := range slices.Sorted(maps.Keys(now.workers)) {
		w, was := now.workers[id], before.workers[id]
		if was == nil && !l.isMe(w.row.Name) {
			add(Joined, "%s joined", w.row.Name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before.workers)) {
		w := before.workers[id]
		switch {
		case now.workers[id] != nil || l.isMe(w.row.Name):
		case w.silent(now.at):
			add(Left, "%s is gone; it was silent for %s", w.row.Name, units.Ago(now.at.Sub(w.beat)))
		default:
			add(Left, "%s left", w.row.Name)
		}
	}
	for _, m := range moves(before, now) {
		if !l.isMe(m.from) && !l.isMe(m.to) {
			add(Moved, "%s went from %s to %s", names(m.shards), cmp.Or(m.from, "nobody"), cmp.Or(m.to, "nobody"))
		}
	}
	l.noteOthersStandstills(before, now, add)
}

func (l *Lookout) isMe(worker string) bool { return worker != "" && worker == l.cfg.Worker }

// move is what went from one worker to another, by their names.
type move struct {
	from, to string
	shards   []string
}

func moves(before, now seen) (all []move) {
	by := map[[2]string][]string{}
	for id, row := range now.rows {
		if was, ok := before.rows[id]; (ok || row.Owner != "") && was.Owner != row.Owner && !row.Finished() {
			pair := [2]string{before.nameOf(was.Owner), now.nameOf(row.Owner)}
			by[pair] = append(by[pair], id)
		}
	}
	for pair, shards := range by {
		slices.Sort(shards)
		all = append(all, move{pair[0], pair[1], shards})
	}
	slices.SortFunc(all, func(a, b move) int { return cmp.Compare(a.shards[0], b.shards[0]) })
	return all
}

func (l *Lookout) noteOthersStandstills(before, now seen, add func(Kind, string, ...any)) {
	was, is := before.stands(), now.stands()
	for _, id := range slices.Sorted(maps.Keys(is)) {
		if _, own := l.figures[id]; !own && was[id].Reason != is[id].Reason {
			add(Stands, "%s: %s (%s)", stand(id), wordsOf(is[id].Reason), is[id].Reason)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if w := now.workers[now.rows[id].Owner]; is[id].State != Blocked && w != nil && w.shards[id].Shard != "" {
			add(GoesOn, "%s", goesOn(id))
		}
	}
}

// stands are the shards that stand still, as their owners say.
func (s seen) stands() map[string]Figures {
	stands := map[string]Figures{}
	for id, row := range s.rows {
		if w := s.workers[row.Owner]; w != nil && w.shards[id].State == Blocked {
			stands[id] = w.shards[id]
		}
	}
	return stands
}
