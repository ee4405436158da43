package status_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/fleet/scene"
)

func TestTmpWrite(t *testing.T) {
	dir := os.Getenv("SCENES")
	if dir == "" {
		t.Skip()
	}
	for name, s := range map[string]scene.Scene{"one": {Shards: 1, Workers: 1}, "four": {Shards: 4, Workers: 3}, "blocked": {Shards: 4, Workers: 3, Blocked: func(n int) bool { return n == 3 }},
		"twenty": {Shards: 24, Workers: 10}, "thousand": {Shards: 1000, Workers: 100, Blocked: func(n int) bool { return n%211 == 100 }}, "broken": {Shards: 2, Workers: 2, Broken: true}} {
		base := start(t, source{view: s.View(t)}, prometheus.NewRegistry())
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
