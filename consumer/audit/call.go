package audit

import "example.com/callevents/consumer/warehouse"

// calls counts how often every call_id is there, dead letters included, and compares that with the ledger.
type calls struct {
	report *Report
	ledger *ledger
	copies map[uint64]uint32 // by the hash of the call_id
}

// count counts one record of link, unless it has no call_id, and returns what the ledger says of it.
func (c *calls) count(call uint64, link warehouse.Link) entry {
	if call == 0 {
		return entry{}
	}
	c.copies[call]++
	e := c.ledger.entries[call]
	switch copies := c.copies[call]; {
	case !c.report.withStream && copies > e.mayBe():
		c.report.fault(Duplicates, "%s: a record that is there %d times", link.Key(), copies)
	case copies > 1:
		c.report.Resent++
	}
	return e
}

// finish reports what is in one of both only.
func (c *calls) finish() {
	if !c.report.withLedger {
		return
	}
	for call, e := range c.ledger.entries {
		if missing := int(e.lines) - int(c.copies[call]); missing > 0 {
			c.report.faults(Lost, missing, "sequence number %s of %s", e.number, c.ledger.shards[e.shard])
		}
	}
	for call, copies := range c.copies {
		if _, ok := c.ledger.entries[call]; !ok {
			c.report.NotInLedger += int(copies)
		}
	}
}
