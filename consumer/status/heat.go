package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/callevents/consumer/fleet"
)

// heat is the key space as a folded strip: a cell for each shard, in the order of their hash keys, as text runs.
type heat struct {
	Paths   []heatPath
	Crosses string // over what stands still
	Columns int
	Rows    int
	Height  int
	Each    int // shards a cell; it has the worst of them
}

type heatPath struct{ Class, D string }

const (
	heatColumns = 40
	heatCells   = 1200
	cellSide    = 10 // in units of the view box
)

func drawHeat(shards []fleet.Shard) *heat {
	h := &heat{Columns: heatColumns, Each: (len(shards) + heatCells - 1) / heatCells}
	paths := map[string]*strings.Builder{}
	var crosses strings.Builder
	cell := 0
	for group := range slices.Chunk(shards, h.Each) {
		worst := slices.MinFunc(group, fleet.Shard.Worse)
		class := heatClass(worst)
		if paths[class] == nil {
			paths[class] = &strings.Builder{}
		}
		x, y := cell%heatColumns*cellSide, cell/heatColumns*cellSide
		fmt.Fprintf(paths[class], "M%d %dh9v8h-9z", x, y)
		if worst.State == fleet.Blocked {
			fmt.Fprintf(&crosses, "M%d %dl4 4m0-4l-4 4", x+2, y+2)
		}
		cell++
	}
	h.Rows = (cell + heatColumns - 1) / heatColumns
	h.Height = h.Rows * min(28, max(11, 160/h.Rows))
	for _, class := range heatClasses {
		if d := paths[class]; d != nil {
			h.Paths = append(h.Paths, heatPath{class, d.String()})
		}
	}
	h.Crosses = crosses.String()
	return h
}

var heatClasses = []string{"h0", "h1", "h2", "h3", "h4", "hwaiting", "hstalled", "huntold", "hfree", "hblocked"}

// heatClass is how hot a shard is: by its state, or by the age of the oldest record that it has not stored or not read.
func heatClass(s fleet.Shard) string {
	if s.State != fleet.Reading && s.State != fleet.CatchingUp {
		return "h" + string(s.State)
	}
	level := 0
	for _, from := range heatFrom {
		if time.Duration(max(s.Oldest, s.Behind)) >= from {
			level++
		}
	}
	return fmt.Sprintf("h%d", level)
}

// heatFrom are the ages from which a shard is hotter. Objects are stored each minute by default.
var heatFrom = []time.Duration{75 * time.Second, 3 * time.Minute, 10 * time.Minute, time.Hour}

// Legend explains the colours that are there.
func (h *heat) Legend() (entries []heatPath) {
	texts := map[string]string{"h0": "below 75 s", "h1": "75 s to 3 min", "h2": "3 to 10 min", "h3": "10 min to 1 h", "h4": "over 1 h",
		"hwaiting": "waits for a parent", "hstalled": "no progress", "huntold": "not told", "hfree": "no reader", "hblocked": "stands still"}
	for _, p := range h.Paths {
		entries = append(entries, heatPath{p.Class, texts[p.Class]})
	}
	return entries
}
