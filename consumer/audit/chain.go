package audit

import (
	"maps"
	"slices"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// chains follows the chain of every shard.
type chains struct {
	report  *Report
	ledger  *ledger
	byShard map[string]*chain
	oldest  string // day of the oldest link that is left, first links of shards aside
	example *warehouse.Link
}

// chain is how far one shard's chain has been followed.
type chain struct {
	*chains
	begin       warehouse.Link // the first one that is left
	tip         warehouse.Link
	link        warehouse.Link // the one at hand
	first, last number         // its range
	newest      number         // sequence number of the last record that the ledger knows the place of
	compared    bool           // the newest link with records was compared with the stream
}

// follow checks that link comes right after the tip of its shard's chain, and makes it the tip.
func (s *chains) follow(link warehouse.Link) *chain {
	c := s.byShard[link.Shard]
	if c == nil {
		c = s.start(link)
	} else {
		c.compareWithTip(link)
		if !c.tip.Last.After(link.Last) {
			c.tip = link
		}
	}
	if link.Day != warehouse.FirstDay && (s.oldest == "" || link.Day < s.oldest) {
		s.oldest = link.Day
	}
	c.link, c.first, c.last = link, numberOf(link.First), numberOf(link.Last)
	return c
}

// start begins a chain with the first of its links that is left. Those before it were removed, or there were none.
func (s *chains) start(link warehouse.Link) *chain {
	c := &chain{chains: s, begin: link, tip: link}
	s.byShard[link.Shard] = c
	if s.example == nil {
		s.example = &link
	}
	if e := s.example; link.Application != e.Application || link.Stream != e.Stream {
		s.report.fault(BrokenLinks, "%q: of application %q on %q, other chains of %q on %q",
			link.Key(), link.Application, link.Stream, e.Application, e.Stream)
	}
	if c.beginsLate() {
		s.report.Removed[link.Shard] = link.Key()
	}
	return c
}

// beginsLate reports that links before the first one that is left were removed.
func (c *chain) beginsLate() bool { return c.begin.Day != warehouse.FirstDay }

// removed reports whether a record of a shard lies where links were removed.
func (s *chains) removed(shard string, at sequence.Number) bool {
	if _, ok := s.report.Removed[shard]; !ok {
		return false
	}
	return s.report.Removed[shard] == "" || !at.After(s.byShard[shard].begin.Previous)
}

func (c *chain) compareWithTip(link warehouse.Link) {
	switch tip := c.tip; {
	case link.Application != tip.Application || link.Stream != tip.Stream:
		c.report.fault(BrokenLinks, "%q: of application %q on %q, the link before of %q on %q",
			link.Key(), link.Application, link.Stream, tip.Application, tip.Stream)
	case link.Place == tip.Next():
	case tip.Day == warehouse.FirstDay && link.Day != warehouse.FirstDay && link.Previous.After(tip.Last): // a lifecycle rule may pass over that day
		c.begin = link
		c.report.Removed[link.Shard] = link.Key()
	case tip.Last.After(link.Previous):
		c.report.fault(BrokenLinks, "%q: overlaps the link before it, which ends at %s", link.Key(), tip.Last)
	default:
		c.report.fault(BrokenLinks, "%q: does not follow the link before it, which ends at %s and names %s as the next day",
			link.Key(), tip.Last, tip.NextDay)
	}
}

// place checks that a record of the link at hand belongs there, after the one before. Only an entry that is certain
// knows.
func (c *chain) place(e entry) {
	if !e.certain() {
		return
	}
	switch shard := c.ledger.shards[e.shard]; {
	case shard != c.link.Shard, c.link.First.IsZero(), e.number.before(c.first), c.last.before(e.number):
		c.report.fault(Misplaced, "%q: a record with sequence number %s of %q", c.link.Key(), e.number, shard)
	case e.number.before(c.newest):
		c.report.fault(OutOfOrder, "%q: %s comes after %s", c.link.Key(), e.number, c.newest)
	default:
		c.newest = e.number
	}
}

// finish compares the ends of the chains with the checkpoints of the lease table. A chain is checked if it has its
// beginning and its end.
func (s *chains) finish(table *Table) {
	covered := Coverage{Of: "chains"}
	table, covered.Needs = s.usable(table)
	for shard, c := range s.byShard {
		covered.Total++
		checkpoint, ok := table.Checkpoints[shard]
		if c.tip.Day == warehouse.FirstDay && checkpoint.Day != "" && checkpoint.Day < s.oldest && !checkpoint.End {
			s.report.Removed[shard] = "" // the same, and nothing came since
			continue
		}
		if known := ok && c.endsAt(checkpoint); (known || c.compared) && !c.beginsLate() {
			covered.Checked++
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(table.Checkpoints)) {
		if at := table.Checkpoints[shard]; s.byShard[shard] == nil && (!at.Last.IsZero() || at.End && at.Day != warehouse.FirstDay) {
			covered.Total++
			s.gone(shard, at)
		}
	}
	s.report.chains = covered
}

// usable returns the table if it is that of the chains, and else an empty one and what is missing.
func (s *chains) usable(table *Table) (*Table, string) {
	switch e := s.example; {
	case table == nil:
		return &Table{}, "the lease table"
	case table.Missing != "":
		return &Table{}, table.Missing
	case e != nil && (e.Application != table.Application || e.Stream != table.Stream):
		return &Table{}, "the lease table of application " + quoted(e.Application) + " on " + quoted(e.Stream)
	}
	return table, ""
}

// endsAt compares the end of a chain with its checkpoint. known: the checkpoint leaves no doubt that this is the end.
func (c *chain) endsAt(at Checkpoint) (known bool) {
	key, tip := c.tip.Key(), c.tip
	switch {
	case at.End:
		if at.Day > tip.NextDay {
			c.report.fault(BrokenLinks, "%q: the chain ends on %s, its shard's checkpoint is SHARD_END on %s: links are missing", key, tip.NextDay, quoted(at.Day))
		}
		return false // where the shard ended, the table does not say
	case at.Last.After(tip.Last):
		c.report.fault(BrokenLinks, "%q: the chain ends at %s, its checkpoint is %s: links are missing", key, tip.Last, at.Last)
		return true
	case at.Last != tip.Last: // a checkpoint may be behind: its writer died before it
		return at.Last.IsZero() && tip.First.IsZero() && tip.Day == warehouse.FirstDay
	case at.Day > tip.NextDay, at.Day != "" && at.Day < tip.NextDay && !tip.First.IsZero():
		c.report.fault(BrokenLinks, "%q: the chain goes on on %s, its checkpoint on %s", key, tip.NextDay, quoted(at.Day))
	}
	return true
}

// gone judges a chain of which no link is left. It may be removed if its last day is before all days that are left.
func (s *chains) gone(shard string, at Checkpoint) {
	switch {
	case at.Day == "": // perhaps of the stock library, which made no links
	case at.Day < s.oldest:
		s.report.Removed[shard] = ""
	case at.End:
		s.report.fault(BrokenLinks, "%q: no link is left, its checkpoint is SHARD_END on %s", shard, quoted(at.Day))
	default:
		s.report.fault(BrokenLinks, "%q: no link is left, its checkpoint is %s on %s", shard, at.Last, quoted(at.Day))
	}
}
