// Package statuspage has what the status pages of both programs share: how they look, how they refresh, and how they are sent.
//
// A page is complete without scripts. With the one script, which is ours, it asks for itself each two seconds while it is seen,
// and changes in place what has changed. The policy of content allows files of this server and nothing else: no inline script
// or style, no frame, no form. html/template escapes every value.
package statuspage

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/sirupsen/logrus"
)

var (
	//go:embed style.css
	style []byte
	//go:embed refresh.js
	script []byte
	//go:embed head.html
	headOfPages string
)

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Template parses the sources of a page, the first of which is the page itself. It panics if they are wrong.
func Template(sources ...string) *template.Template {
	t := template.Must(template.New("page").Funcs(functions()).Parse(headOfPages))
	for _, source := range sources {
		template.Must(t.Parse(source))
	}
	return t
}

// Files adds what pages need beside themselves.
func Files(routes *http.ServeMux) {
	file := func(kind string, content []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			head(w, kind)
			_, _ = w.Write(content)
		}
	}
	routes.HandleFunc("GET /style.css", file("text/css; charset=utf-8", style))
	routes.HandleFunc("GET /refresh.js", file("text/javascript; charset=utf-8", script))
	for level, colour := range map[string]string{"ok": "#2e8b57", "warn": "#d08a00", "bad": "#c22f2f"} {
		icon := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="` + colour + `"/></svg>`
		routes.HandleFunc("GET /icon-"+level+".svg", file("image/svg+xml", []byte(icon)))
	}
}

// Page sends what t makes of data. It fills all of it before it sends the first byte, so that a reader never gets half of it.
func Page(t *template.Template, data func(*http.Request) any, log logrus.FieldLogger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if err := t.Execute(&body, data(r)); err != nil {
			log.WithError(err).Error("status page not filled")
			http.Error(w, "the status page could not be filled; see the log", http.StatusInternalServerError)
			return
		}
		head(w, "text/html; charset=utf-8")
		_, _ = w.Write(body.Bytes()) // a reader that has gone misses nothing
	}
}

// JSON sends data as JSON.
func JSON(data func(*http.Request) any, log logrus.FieldLogger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := json.MarshalIndent(data(r), "", " ")
		if err != nil {
			log.WithError(err).Error("state not encoded")
			http.Error(w, "the state could not be encoded; see the log", http.StatusInternalServerError)
			return
		}
		head(w, "application/json")
		_, _ = w.Write(append(body, '\n'))
	}
}

func head(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}
