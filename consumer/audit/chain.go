package audit

import "example.com/callevents/consumer/warehouse"

// chains follows the chain of every shard.
type chains struct {
	report  *Report
	ledger  *ledger
	byShard map[string]*chain
}

// chain is how far one shard's chain has been followed.
type chain struct {
	*chains
	tip         warehouse.Link
	link        warehouse.Link // the one at hand
	first, last number         // its range
	newest      number         // sequence number of the last record that the ledger knows the place of
}

// follow checks that link comes right after the tip of its shard's chain, and makes it the tip.
func (s *chains) follow(link warehouse.Link) *chain {
	c := s.byShard[link.Shard]
	if c == nil {
		c = &chain{chains: s, tip: link}
		s.byShard[link.Shard] = c
		if link.Day != warehouse.FirstDay {
			s.report.fault(BrokenLinks, "%s: the chain begins in the middle, links before it are missing", link.Key())
		}
	} else {
		c.compareWithTip(link)
		if !c.tip.Last.After(link.Last) {
			c.tip = link
		}
	}
	c.link, c.first, c.last = link, numberOf(link.First), numberOf(link.Last)
	return c
}

func (c *chain) compareWithTip(link warehouse.Link) {
	switch tip := c.tip; {
	case link.Application != tip.Application || link.Stream != tip.Stream:
		c.report.fault(BrokenLinks, "%s: of application %q on %q, the link before of %q on %q",
			link.Key(), link.Application, link.Stream, tip.Application, tip.Stream)
	case link.Place == tip.Next():
	case tip.Last.After(link.Previous):
		c.report.fault(BrokenLinks, "%s: overlaps the link before it, which ends at %s", link.Key(), tip.Last)
	default:
		c.report.fault(BrokenLinks, "%s: does not follow the link before it, which ends at %s and names %s as the next day",
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
		c.report.fault(Misplaced, "%s: a record with sequence number %s of %s", c.link.Key(), e.number, shard)
	case e.number.before(c.newest):
		c.report.fault(OutOfOrder, "%s: %s comes after %s", c.link.Key(), e.number, c.newest)
	default:
		c.newest = e.number
	}
}
