package fleet

import (
	"cmp"

	"math"
	"slices"
	"time"

	"example.com/callevents/consumer/stall"
)

// build makes the view of what is known now. It is called under the lock.
func (l *Lookout) build(look look, now time.Time) View {
	v := View{Format: 1, At: now.UTC(), Application: l.cfg.Application, Stream: l.cfg.Stream, Worker: l.cfg.Worker,
		ThisVersion: l.cfg.Version, Retention: Seconds(l.own.Retention), Shards: []Shard{}, Workers: []Worker{},
		Events: append([]Event{}, l.events...), Objects: append([]Object{}, l.objects...), DeadLetters: []Rejection{}, ToDo: []ToDo{}, Versions: []string{}}
	if !l.cfg.Started.IsZero() {
		v.Since = stamp(l.cfg.Started)
	}
	if !look.at.IsZero() {
		v.Table = TableRead{ReadAt: stamp(look.at), Age: Seconds(now.Sub(look.at))}
	}
	if look.err != nil {
		v.Table.Error = look.err.Error()
	}
	finished := map[string]bool{}
	listed := map[string]bool{}
	for id, row := range l.seen.rows {
		finished[id] = row.Finished()
	}
	for _, s := range l.own.Listed {
		listed[s.ID] = true
	}
	for _, s := range l.own.Listed {
		if _, own := l.figures[s.ID]; own || !finished[s.ID] {
			v.Shards = append(v.Shards, l.shard(s, listed, finished, now))
		}
	}
	v.Workers = l.workers(v.Shards, now)
	l.total(&v)
	l.toDo(&v)
	v.say()
	return v
}

func stamp(t time.Time) *time.Time {
	t = t.UTC()
	return &t
}

// shard is one shard: as this instance knows it, as its owner says, or as its parents let one conclude.
func (l *Lookout) shard(listed Listed, isListed, finished map[string]bool, now time.Time) Shard {
	row := l.seen.rows[listed.ID]
	s := Shard{ID: listed.ID, Name: ShortName(listed.ID), From: listed.From, To: listed.To, HashKeys: listed.HashKeys, Closed: listed.Closed,
		Parents: listed.Parents, State: Untold, Slot: -1, Counter: row.Counter, Position: row.Checkpoint}
	if c := l.curves[s.ID]; c != nil {
		s.Curve = c.Points(now)
	}
	if own, ok := l.reads[s.ID]; ok {
		me := l.seen.named(l.cfg.Worker)
		s.Owner, s.OwnerID, s.Slot, s.Counter, s.Position = l.cfg.Worker, me.row.ID, me.slot, own.Counter, own.Position
		s.tell(l.figures[s.ID], 0)
		return s
	}
	if l.seen.at.IsZero() {
		s.Note = "the lease table was not read yet"
		return s
	}
	owner := l.seen.workers[row.Owner]
	if owner == nil {
		s.State = Free
		for _, parent := range listed.Parents {
			if isListed[parent] && !finished[parent] {
				s.State, s.Note = Waiting, "its parent "+ShortName(parent)+" is not read to its end"
			}
		}
		return s
	}
	s.Owner, s.OwnerID, s.Slot = owner.row.Name, owner.row.ID, owner.slot
	f, named := owner.shards[s.ID]
	switch {
	case owner.silent(now):
		s.Note = "its worker is silent"
	case named:
		s.tell(f, owner.age(now))
	case owner.unnamed() == Reading:
		s.State, s.Note = Reading, "no worse than those that its worker names"
	case owner.told:
		s.Note = "its worker says nothing of it yet"
	default:
		s.Note = "its worker does not say how it is"
	}
	return s
}

// tell fills in figures that are that old.
func (s *Shard) tell(f Figures, age time.Duration) {
	s.Told, s.State, s.Reason, s.Rate, s.Age = true, f.State, f.Reason, f.Rate, Seconds(age)
	if s.Behind = Seconds(f.Behind); f.Behind > catchingUpFrom || f.State == Blocked || f.State == Stalled {
		s.Behind += Seconds(age)
	}
	if f.Oldest > 0 {
		s.Oldest = Seconds(f.Oldest + age)
	}
	if !f.Newest.IsZero() {
		s.Newest = stamp(f.Newest)
	}
	if s.State == Blocked {
		s.Note = wordsOf(s.Reason)
	}
	if s.Closed && (s.State == Reading || s.State == CatchingUp) {
		s.Note = "closed, is read to its end"
	}
}

// workers are those that the table shows, and this one; by name.
func (l *Lookout) workers(shards []Shard, now time.Time) []Worker {
	all, me := []Worker{}, l.seen.named(l.cfg.Worker)
	for _, w := range l.seen.workers {
		all = append(all, w.view(now, w == me && l.isMe(w.row.Name)))
	}
	if l.cfg.Worker != "" && me.row.ID == "" { // not in the table yet, or not any more
		all = append(all, Worker{Name: l.cfg.Worker, Me: true})
	}
	at := make(map[string]*Worker, len(all))
	slices.SortFunc(all, func(a, b Worker) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for i := range all {
		at[all[i].ID] = &all[i]
		if all[i].Me { // exactly
			all[i].Since, all[i].Version, all[i].Note, all[i].Rate = stamp(l.cfg.Started), l.cfg.Version, "", 0
			for _, f := range l.figures {
				all[i].Rate += f.Rate
			}
		}
	}
	for _, s := range shards {
		if w := at[s.OwnerID]; w != nil && s.Owner != "" {
			w.Shards++
			if s.State == Blocked {
				w.Blocked++
			}
		}
	}
	return all
}

func (w *worker) view(now time.Time, me bool) Worker {
	v := Worker{ID: w.row.ID, Name: w.row.Name, Slot: w.slot, Me: me, Silent: w.silent(now) && !me, Rate: w.report.Rate}
	if ago, known := w.heartbeat(now); known {
		v.Heartbeat = (*Seconds)(&ago)
	}
	switch {
	case w.told:
		v.Since, v.Version = stamp(w.report.Started), w.report.Version
	case len(w.row.Report) > 0:
		v.Note = "its report is not readable: it runs another version"
	default:
		v.Note = "it says nothing of itself"
	}
	return v
}

func (l *Lookout) total(v *View) {
	t := Totals{Shards: len(v.Shards), States: map[State]int{}, Workers: len(v.Workers)}
	for _, s := range v.Shards {
		t.States[s.State]++
		t.Behind, t.Oldest = max(t.Behind, s.Behind), max(t.Oldest, s.Oldest)
	}
	t.Moving = t.States[Reading] + t.States[CatchingUp]
	versions := map[string]bool{}
	for _, w := range v.Workers {
		t.Rate += w.Rate
		if w.Silent {
			t.Silent++
		}
		if w.Version != "" && !versions[w.Version] {
			versions[w.Version] = true
			v.Versions = append(v.Versions, w.Version)
		}
	}
	slices.Sort(v.Versions)
	if l.own.Retention > 0 && len(v.Shards) > 0 {
		left := Seconds(l.own.Retention) - max(t.Behind, t.Oldest)
		t.Headroom = &left
	}
	t.Rate = math.Round(t.Rate*10) / 10
	v.Totals = t
}

// toDo groups what stands still by its reason.
func (l *Lookout) toDo(v *View) {
	add := func(reason stall.Reason, shard string, own Standstill) {
		i := slices.IndexFunc(v.ToDo, func(d ToDo) bool { return d.Reason == reason })
		if i < 0 {
			i = len(v.ToDo)
			v.ToDo = append(v.ToDo, ToDo{Reason: reason, Words: wordsOf(reason), Advice: reason.Advice(), Shards: []string{}})
		}
		d := &v.ToDo[i]
		if shard != "" {
			d.Shards = append(d.Shards, shard)
		}
		if d.Error == "" {
			d.Error = own.Error
		}
		if !own.Since.IsZero() && (d.Since == nil || own.Since.Before(*d.Since)) {
			d.Since = stamp(own.Since)
		}
	}
	if own, ok := l.stands[""]; ok {
		add(own.Reason, "", own)
	}
	for _, s := range v.Shards {
		if s.State == Blocked {
			add(s.Reason, s.ID, l.stands[s.ID])
		}
	}
}
