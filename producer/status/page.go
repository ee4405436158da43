package status

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/statuspage"
)

//go:embed page.html
var pageSource string

// shardsShown is how many shards the page lists: of more, those with the most and the fewest records.
const shardsShown = 32

// page is what page.html is filled from.
type page struct {
	View
	Drawn   statuspage.Curve
	Width   int
	Highest float64
	Rows    []ShardPut
	More    int
}

func newPage(v View) page {
	highest := statuspage.Highest(v.Curve)
	p := page{View: v, Drawn: statuspage.Draw(v.Curve, highest), Highest: highest, Width: statuspage.Width(v.Curve), Rows: v.Shards}
	if n := len(v.Shards); n > shardsShown {
		p.Rows = slices.Clone(v.Shards)
		slices.SortStableFunc(p.Rows, func(a, b ShardPut) int { return int(b.Records) - int(a.Records) })
		p.Rows = slices.Concat(p.Rows[:shardsShown/2], p.Rows[n-shardsShown/2:])
		p.More = n - shardsShown
	}
	return p
}

// show adds the page and /api/state.
func (w *Window) show(routes *http.ServeMux, log logrus.FieldLogger) {
	routes.HandleFunc("GET /api/state", statuspage.JSON(func(*http.Request) any { return w.View() }, log))
	routes.HandleFunc("GET /{$}", statuspage.Page(statuspage.Template(pageSource), func(*http.Request) any { return newPage(w.View()) }, log))
	statuspage.Files(routes)
}
