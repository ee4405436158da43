package status

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"time"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/shared/statuspage"
)

//go:embed page.html map.svg heat.svg tables.html
var sources embed.FS

func template() *htmltemplate.Template {
	var texts []string
	for _, name := range []string{"page.html", "map.svg", "heat.svg", "tables.html"} {
		text, err := sources.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		texts = append(texts, string(text))
	}
	return statuspage.Template(texts...)
}

// How much the page shows. Of more shards the map is a strip of heat, and the tables have the worst.
const (
	mapShards   = 24
	tableShards = 24
	shownOthers = 12 // workers and events
)

// page is what page.html is filled from.
type page struct {
	fleet.View
	Title       string
	Map         *keyMap // of few shards
	Heat        *heat   // of many
	Rows        []row
	MoreShards  int
	WorkerRows  []fleet.Worker
	MoreWorkers int
	EventRows   []fleet.Event
	All         bool
}

// row is a shard in the table.
type row struct {
	fleet.Shard
	Words     string // the state
	Curve     statuspage.Curve
	CurveEnd  int
	NewestAgo string
}

func newPage(v fleet.View, all bool) page {
	p := page{View: v, All: all, EventRows: v.Events[:min(len(v.Events), shownOthers)]}
	p.Title = fmt.Sprintf("%s: %d of %d shards moving", v.Application, v.Totals.Moving, v.Totals.Shards)
	if v.Starting != "" {
		p.Title = v.Application + ": starting"
	}
	if len(v.Shards) <= mapShards {
		p.Map = drawMap(v.Shards)
	} else {
		p.Heat = drawHeat(v.Shards)
	}
	shards := slices.Clone(v.Shards)
	if len(shards) > tableShards {
		slices.SortStableFunc(shards, fleet.Shard.Worse)
		if !all {
			shards = shards[:tableShards]
		}
	}
	p.MoreShards = len(v.Shards) - len(shards)
	highest := highest(v.Shards)
	for _, s := range shards {
		p.Rows = append(p.Rows, newRow(s, highest, v.At))
	}
	p.WorkerRows = v.Workers
	if len(v.Workers) > shownOthers {
		p.WorkerRows = slices.Clone(v.Workers)
		slices.SortStableFunc(p.WorkerRows, fleet.Worker.Worse)
		if !all {
			p.WorkerRows = p.WorkerRows[:shownOthers]
		}
	}
	p.MoreWorkers = len(v.Workers) - len(p.WorkerRows)
	return p
}

func newRow(s fleet.Shard, highest float64, now time.Time) row {
	r := row{Shard: s, Words: words[s.State], Curve: statuspage.Draw(s.Curve, highest), CurveEnd: statuspage.Width(s.Curve)}
	if s.Newest != nil {
		r.NewestAgo = fleet.Seconds(now.Sub(*s.Newest)).String() + " ago"
	}
	return r
}

func highest(shards []fleet.Shard) float64 {
	curves := make([][]float64, len(shards))
	for i, s := range shards {
		curves[i] = s.Curve
	}
	return statuspage.Highest(curves...)
}

var words = map[fleet.State]string{
	fleet.Reading: "reading", fleet.CatchingUp: "catching up", fleet.Waiting: "waits", fleet.Stalled: "no progress", fleet.Free: "no reader",
	fleet.Blocked: "stands still", fleet.Untold: "not told",
}

// Colour is the class of the owner's colour.
func (r row) Colour() string { return statuspage.Colour(r.Slot) }
