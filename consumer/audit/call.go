package audit

import (
	"fmt"

	"example.com/callevents/consumer/warehouse"
)

// calls counts how often every call_id is there, dead letters included, and compares that with the ledger.
type calls struct {
	report *Report
	ledger *ledger
	copies map[uint64]uint32 // by the hash of the call_id; with [loose], if one was not compared with the stream
	lost   map[uint64]int    // that the stream has, and no object
	there  map[uint64]string // that must be in some object, since a copy in the one with this key was dropped
}

// loose marks a call_id of which some copy is in a link that was not compared with the stream. Nothing shows that the
// stream had it as often.
const loose = 1 << 31

// count counts one record of link, unless it has no call_id, and returns what the ledger says of it. compared: the
// stream has every record of the link, as often.
func (c *calls) count(call uint64, link warehouse.Link, compared bool) entry {
	if call == 0 {
		return entry{}
	}
	n := c.copies[call] + 1
	if !compared {
		n |= loose
	}
	c.copies[call] = n
	e := c.ledger.entries[call]
	switch copies := n &^ loose; {
	case n >= loose && copies > e.mayBe():
		c.report.fault(Duplicates, "%q: a record that is there %d times", link.Key(), copies)
	case copies > 1:
		c.report.Resent++
	}
	if e.lines > 0 {
		c.report.known++
	}
	if e.certain() {
		c.report.certain++
	}
	return e
}

// miss notes a record that the stream has and no object, so that it is not counted as lost again for the ledger.
func (c *calls) miss(call uint64) {
	if call != 0 && c.report.withLedger {
		c.lost[call]++
	}
}

// elsewhere notes that a copy was dropped whose event the stream does not hold any more: then some object must have it.
func (c *calls) elsewhere(call uint64, key string) { c.there[call] = key }

// finish reports what is in one of both only.
func (c *calls) finish(chains *chains) {
	for call, key := range c.there {
		if c.copies[call]&^loose == 0 {
			c.report.fault(Lost, "%q: a copy was dropped, and its event is in no object", key)
		}
	}
	if !c.report.withLedger {
		return
	}
	for call, e := range c.ledger.entries {
		missing := int(e.lines) - int(c.copies[call]&^loose) - c.lost[call]
		switch shard := c.ledger.shards[e.shard]; {
		case missing <= 0:
		case chains.removed(shard, e.number.sequence()):
			c.report.RemovedRecords += missing
		default:
			c.report.faults(Lost, missing, "sequence number %s of %s", e.number, shard)
		}
	}
	for call, copies := range c.copies {
		if _, ok := c.ledger.entries[call]; !ok {
			c.report.NotInLedger += int(copies &^ loose)
		}
	}
}

// quoted is for texts that others wrote: nothing in them reaches a terminal as it is.
func quoted(text string) string { return fmt.Sprintf("%q", text) }
