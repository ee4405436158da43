package main

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/fleet"
)

// leaseEvents are the log lines about leases that the status page lists, by their message. An operator finds the same lines in
// the log.
var leaseEvents = map[string]fleet.Kind{
	"lease acquired": fleet.Gained, "lease released": fleet.Released, "lease handed over": fleet.HandedOver, "lease lost": fleet.Lost,
}

// gainedBecause says in words why a lease could be acquired.
var gainedBecause = map[string]string{
	"new": "nobody had it before", "unowned": "its last reader had released it", "handed_over": "it was handed over",
	"expired": "its reader was silent", "own": "an answer was lost", "fenced": "its reader was silent",
}

// eventHook notes what happens to this instance's leases, from the log. It implements [logrus.Hook].
type eventHook struct{ note func(fleet.Kind, string) }

// Levels implements [logrus.Hook].
func (eventHook) Levels() []logrus.Level { return []logrus.Level{logrus.InfoLevel, logrus.WarnLevel} }

// Fire implements [logrus.Hook].
func (h eventHook) Fire(entry *logrus.Entry) error {
	kind, ok := leaseEvents[entry.Message]
	if !ok {
		return nil
	}
	field := func(name string) string {
		if v, ok := entry.Data[name]; ok && v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	shard, reason := fleet.ShortName(field("shard_id")), field("reason")
	switch kind {
	case fleet.Gained:
		text := shard + " gained"
		if from := field("from"); from != "" {
			text += " from " + from
		}
		if words, ok := gainedBecause[reason]; ok {
			reason = words
		}
		h.note(kind, text+": "+reason)
	case fleet.HandedOver:
		h.note(kind, fmt.Sprintf("%s handed over to %s", shard, field("to")))
	case fleet.Released:
		h.note(kind, shard+" released")
	case fleet.Lost:
		if reason == "fenced" {
			kind = fleet.Fenced
		}
		h.note(kind, fmt.Sprintf("%s lost: %s; what was not stored is read again by its next reader", shard, reason))
	}
	return nil
}
