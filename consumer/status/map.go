package status

import (
	"slices"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/shared/statuspage"
)

// keyMap is the stream's hash key space, with a box for each open shard, and a bar for each closed one that is still to be
// read. Places are shares of the width, so that text keeps its size on a phone.
type keyMap struct {
	Boxes  []box
	Closed []bar
	Owners []owner
	Height int
}

type box struct {
	fleet.Shard
	X, Width float64
	Colour   string
	Words    string
	Size     string // class: how much text fits
	Curve    statuspage.Curve
	CurveEnd int
}

type bar struct {
	box
	Y int
}

type owner struct{ Name, Colour string }

const (
	boxHeight = 132 // with the line of text below
	barHeight = 30
)

func drawMap(shards []fleet.Shard) *keyMap {
	m := &keyMap{Height: boxHeight}
	top := highest(shards)
	var lanes []float64 // where the last bar of each ends
	for _, s := range shards {
		b := box{Shard: s, X: s.From, Width: s.To - s.From, Colour: statuspage.Colour(s.Slot), Words: words[s.State],
			Curve: statuspage.Draw(s.Curve, top), CurveEnd: statuspage.Width(s.Curve)}
		b.Size = sizeOf(b.Width)
		if !s.Closed {
			m.Boxes = append(m.Boxes, b)
		} else {
			lane := slices.IndexFunc(lanes, func(end float64) bool { return end <= s.From })
			if lane < 0 {
				lane = len(lanes)
				lanes = append(lanes, 0)
			}
			lanes[lane] = s.To
			m.Closed = append(m.Closed, bar{b, boxHeight + 4 + lane*barHeight})
		}
		if o := (owner{s.Owner, b.Colour}); s.Owner != "" && !slices.Contains(m.Owners, o) {
			m.Owners = append(m.Owners, o)
		}
	}
	m.Height += len(lanes) * barHeight
	return m
}

// sizeOf says how much text fits: on a phone a box of a tenth has room for one upright line.
func sizeOf(width float64) string {
	switch {
	case width < 0.03:
		return "hair"
	case width < 0.14:
		return "thin"
	}
	return "wide"
}
