package status_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/fleet/scene"
)

// The page is complete without scripts, for any number of shards, and stays small enough to be sent each two seconds.
func TestThePageShowsAnyNumberOfShards(t *testing.T) {
	every := func(n int) func(int) bool { return func(shard int) bool { return shard%n == n/2 } }
	for name, c := range map[string]struct {
		scene     scene.Scene
		rows      int
		mostBytes int
		has       []string
	}{
		"one":      {scene.Scene{Shards: 1, Workers: 1}, 1, 20_000, []string{"1 of 1 shard is moving.", `id="box-shardId-000000000000"`, "v1.2.0"}},
		"four":     {scene.Scene{Shards: 4, Workers: 3}, 4, 30_000, []string{"4 of 4 shards are moving.", "(this one)", "104,377", "user_id_not_integer"}},
		"denied":   {scene.Scene{Shards: 4, Workers: 3, Blocked: every(4)}, 4, 30_000, []string{"0002 stands still: S3 denies access.", "What to do: allow s3:PutObject", `class="w2 blocked wide"`}},
		"split":    {scene.Scene{Shards: 3, Workers: 2, Split: true}, 5, 30_000, []string{"3 of 5 shards are moving. 2 wait for a parent.", `id="bar-shardId-000000000002"`, "its parent 0002 is not read to its end", "closed, is read to its end"}},
		"thousand": {scene.Scene{Shards: 1000, Workers: 100, Blocked: every(211)}, 24, 80_000, []string{`id="heat"`, "the worst 24 of 1000", `class="hblocked"`, "the worst 12 of 100"}},
		"many":     {scene.Scene{Shards: 1500, Workers: 20}, 24, 100_000, []string{"each 2 shards, the worst of them"}},
		"no table": {scene.Scene{Shards: 2, Workers: 2, Broken: true}, 2, 30_000, []string{"The lease table cannot be read.", "The last try failed: ProvisionedThroughputExceededException"}},
	} {
		t.Run(name, func(t *testing.T) {
			base := start(t, source{view: c.scene.View(t)}, prometheus.NewRegistry())
			code, body := get(t, base+"/")
			if rows := strings.Count(body, `<tr id="row-`); code != 200 || rows != c.rows || len(body) > c.mostBytes {
				t.Errorf("%d, %d rows, %d bytes, want %d rows and at most %d bytes", code, rows, len(body), c.rows, c.mostBytes)
			}
			for _, want := range c.has {
				if !strings.Contains(body, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if _, all := get(t, base+"/?all"); strings.Count(all, `<tr id="row-`) < c.scene.Shards {
				t.Error("with ?all the page has not all shards")
			}
			code, state := get(t, base+"/api/state")
			var v struct {
				Format   int
				Sentence string
				Shards   []struct{ Oldest, Behind float64 }
			}
			if err := json.Unmarshal([]byte(state), &v); code != 200 || err != nil || v.Format != 1 || len(v.Shards) < c.scene.Shards || v.Sentence == "" {
				t.Errorf("%d, %v: %.200s", code, err, state)
			}
		})
	}
}

// In the table of a large stream the worst are on top.
func TestTheWorstAreOnTop(t *testing.T) {
	s := scene.Scene{Shards: 1000, Workers: 100, Blocked: func(shard int) bool { return shard == 977 }}
	_, body := get(t, start(t, source{view: s.View(t)}, prometheus.NewRegistry())+"/")
	first := regexp.MustCompile(`<tr id="row-(\S+)"`).FindStringSubmatch(body)
	if len(first) != 2 || first[1] != "shardId-000000000977" {
		t.Errorf("%v is on top", first)
	}
}

// Nothing of a page runs or looks other than our files say, and every value is escaped.
func TestThePageHasNothingInline(t *testing.T) {
	evil := `"><script>alert(1)</script><b onclick='x'>`
	v := scene.Scene{Shards: 2, Workers: 1}.View(t)
	v.Application, v.Stream, v.Region, v.Worker, v.StoredIn, v.Health, v.Ready, v.Table.Error = evil, evil, evil, evil, evil, evil, evil, evil
	v.Sentence = []fleet.Part{{Text: evil, Level: fleet.Bad}}
	v.ToDo = []fleet.ToDo{{Reason: "x", Words: evil, Advice: evil, Error: evil}}
	v.Events = []fleet.Event{{Text: evil}}
	v.Objects = []fleet.Object{{Key: evil}}
	v.DeadLetters = []fleet.Rejection{{Reason: evil}}
	v.Workers = append(v.Workers, fleet.Worker{Name: evil, Version: evil, Note: evil})
	v.Shards[0].Owner, v.Shards[0].Note, v.Shards[0].ID, v.Shards[0].Name = evil, evil, evil, evil
	base := start(t, source{view: v}, prometheus.NewRegistry())
	response, err := http.Get(base + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("policy %s", policy)
	}
	_, body := get(t, base+"/")
	names := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(body, "") // of the attributes, without what they say
	if strings.Count(body, "<script") != 1 || regexp.MustCompile(`<[^>]*\s(style|on\w+)=`).MatchString(names) || strings.Contains(body, "<style") || strings.Contains(body, "<b ") {
		t.Errorf("something is inline, or not escaped:\n%s", body)
	}
	for _, file := range regexp.MustCompile(`(?:src|href)="(/[^"?#]*)"`).FindAllStringSubmatch(body, -1) {
		if code, _ := get(t, base+file[1]); code != 200 {
			t.Errorf("%s: %d", file[1], code)
		}
	}
}

// While the start waits, the page says so and reads no table.
func TestThePageOfAStart(t *testing.T) {
	v := fleet.New(fleet.Config{Application: "app", Stream: "stream", Worker: "me", Started: time.Now()}).View(t.Context())
	v.Starts("the stream is not there yet")
	v.Health, v.Ready = "ok", errors.New("starting").Error()
	code, body := get(t, start(t, source{view: v}, prometheus.NewRegistry())+"/")
	if code != 200 || !strings.Contains(body, "This instance is starting: the stream is not there yet.") || strings.Contains(body, "<table") {
		t.Errorf("%d %s", code, body)
	}
}
