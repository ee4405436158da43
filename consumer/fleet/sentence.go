package fleet

import (
	"fmt"
	"strings"
	"time"

	"example.com/callevents/shared/units"
)

// say puts the view into words: how many shards move, what does not and why, how old the oldest record is.
func (v *View) say() {
	t := v.Totals
	v.Level = Well
	var parts []Part
	add := func(level Level, format string, args ...any) {
		parts = append(parts, Part{fmt.Sprintf(format, args...), level})
		if level == Bad || level == Warn && v.Level == Well {
			v.Level = level
		}
	}
	switch {
	case t.Shards == 0 && v.Table.ReadAt == nil:
		add(Warn, "The stream's shards are not known yet.")
	case t.Shards == 0:
		add(Well, "There is no shard to read.")
	default:
		add(Well, "%d of %d %s moving.", t.Moving, t.Shards, verb(t.Shards, "shard is", "shards are"))
	}
	for _, d := range v.ToDo {
		who := "No shard can be acquired"
		if len(d.Shards) > 0 {
			who = names(d.Shards) + " " + verb(len(d.Shards), "stands", "stand") + " still"
		}
		add(Bad, "%s: %s.", who, d.Words)
	}
	if n := t.States[Stalled]; n > 0 {
		add(Warn, "%d %s read nothing for a while.", n, verb(n, "has", "have"))
	}
	if n := t.Silent; n > 0 {
		add(Warn, "%d %s silent.", n, verb(n, "worker is", "workers are"))
	}
	if n := t.States[Free]; n > 0 {
		add(Warn, "%d %s no reader.", n, verb(n, "has", "have"))
	}
	if n := t.States[Waiting]; n > 0 {
		add(Well, "%d %s for a parent.", n, verb(n, "waits", "wait"))
	}
	if n := t.States[CatchingUp]; n > 0 {
		add(Well, "%d %s catching up.", n, verb(n, "is", "are"))
	}
	if n := t.States[Untold]; n > 0 && v.Table.ReadAt != nil && t.Silent == 0 {
		add(Well, "Of %d nothing is told.", n)
	}
	if t.Headroom != nil && v.Retention > 0 && *t.Headroom < v.Retention/2 {
		add(Bad, "Retention takes records in %s.", units.Ago(time.Duration(max(0, *t.Headroom))))
	}
	if v.Table.Error != "" {
		add(Warn, "The lease table cannot be read.")
	}
	var spoken []string
	for _, p := range parts {
		spoken = append(spoken, p.Text)
	}
	v.Spoken = strings.Join(spoken, " ")
	switch {
	case t.Oldest > 0:
		parts = append(parts, Part{"The oldest record not yet in S3 is " + units.Ago(time.Duration(t.Oldest)) + " old.", Well})
	case t.Moving > 0:
		parts = append(parts, Part{"All that was read is in S3.", Well})
	}
	v.Sentence = parts
	v.join()
}

func (v *View) join() {
	var texts []string
	for _, p := range v.Sentence {
		texts = append(texts, p.Text)
	}
	v.Text = strings.Join(texts, " ")
}

// Starts makes the view that of an instance that still waits for what it needs.
func (v *View) Starts(why string) {
	v.Starting, v.Level, v.Spoken = why, Warn, "This instance is starting."
	v.Sentence = []Part{{"This instance is starting: " + why + ".", Warn}}
	v.join()
}
