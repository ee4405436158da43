package status_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/fleet"
)

func TestTmpWrite(t *testing.T) {
	dir := os.Getenv("SCENES")
	if dir == "" {
		t.Skip()
	}
	for name, s := range map[string]scene{"one": {shards: 1, workers: 1}, "four": {shards: 4, workers: 3}, "blocked": {shards: 4, workers: 3, blocked: func(n int) bool { return n == 3 }},
		"twenty": {shards: 24, workers: 10}, "thousand": {shards: 1000, workers: 100, blocked: func(n int) bool { return n%211 == 100 }}, "broken": {shards: 2, workers: 2, broken: true}} {
		base := start(t, source{view: s.view(t)}, prometheus.NewRegistry())
		_, body := get(t, base+"/")
		t.Logf("%s: %d bytes", name, len(body))
		_, css := get(t, base+"/style.css")
		os.WriteFile(filepath.Join(dir, "style.css"), []byte(css), 0o644)
		os.WriteFile(filepath.Join(dir, name+".html"), []byte(strings.ReplaceAll(body, "/style.css", "style.css")), 0o644)
		_, state := get(t, base+"/api/state")
		os.WriteFile(filepath.Join(dir, name+".json"), []byte(state), 0o644)
	}
	_ = json.Valid
	_ = fleet.Reading
}
