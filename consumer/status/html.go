package status

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

//go:embed page.html
var htmlSource string

// view is what page.html is filled from.
type view struct {
	Worker
	Health, Readiness string
	Now               time.Time
}

// Total is the number of records read from the shards held.
func (v view) Total() (records uint64) {
	for _, l := range v.Leases {
		records += l.Records
	}
	return records
}

// Uptime is how long the worker has been running, in whole seconds.
func (v view) Uptime() time.Duration { return v.Now.Sub(v.Started).Truncate(time.Second) }

// statusPage fills all of the HTML before it sends the first byte, so that a reader never gets half of it.
func statusPage(source Source, log logrus.FieldLogger) http.HandlerFunc {
	tmpl := template.Must(template.New("status").Funcs(template.FuncMap{"clock": clock}).Parse(htmlSource))
	return func(w http.ResponseWriter, _ *http.Request) {
		v := view{Worker: source.Worker(), Health: state(source.Healthy()), Readiness: state(source.Ready()), Now: time.Now()}
		var body bytes.Buffer
		if err := tmpl.Execute(&body, v); err != nil {
			log.WithError(err).Error("status page not filled")
			http.Error(w, "the status page could not be filled; see the log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write(body.Bytes()) // a reader that has gone misses nothing
	}
}

func state(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
