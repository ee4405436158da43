package status_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/status"
)

func report() status.Report {
	return status.Report{
		Elapsed: 10 * time.Second, Rejected: 3, Pace: pace.Stats{Late: 2, Skipped: 4, Latest: 1500 * time.Millisecond},
		Put: put.Stats{Records: 41, Bytes: 4100, PerShard: map[string]uint64{"shardId-1": 21, "shardId-0": 20}, Calls: 9, FailedCalls: 1,
			Resent: 5, Throttled: 6, PossibleDuplicates: 7, Spilled: 8, Lost: 1, Unsent: 12, InFlight: 11, Oldest: 2500 * time.Millisecond, Slowest: 3 * time.Second},
	}
}

func TestSummaryForAPersonAndAsJSON(t *testing.T) {
	summary := status.Summarize("calls", report(), errors.New("no permission"))
	var text bytes.Buffer
	if err := summary.Print(&text); err != nil {
		t.Fatal(err)
	}
	want := `records                41 in 10.0s, 4.10/s
  shardId-0            20
  shardId-1            21
retries                5 records resent, 6 throttled, 1 of 9 calls failed
possible duplicates    7
failures               8 spilled, 3 rejected, 1 lost
pace                   2 late, the latest by 1.5s; 4 skipped; slowest put 3s
`
	if strings.Join(strings.Fields(text.String()), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("summary\n%s", text.String())
	}
	encoded, err := json.Marshal(summary)
	if err != nil || !strings.Contains(string(encoded), `"records":41,"bytes":4100,"records_per_second":4.1,"per_shard":{"shardId-0":20,"shardId-1":21}`) || !strings.Contains(string(encoded), "no permission") {
		t.Errorf("%s, %v", encoded, err)
	}
	if report().Undelivered() != 12 {
		t.Errorf("%d undelivered", report().Undelivered())
	}
}

func TestEveryFigureIsAMetric(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if _, err := status.NewMetrics(registry, report); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 17 {
		t.Errorf("%d metrics, %v", len(families), err)
	}
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{"records_total 41", "bytes_total 4100", "calls_total 9", "failed_calls_total 1", "resent_total 5", "throttled_total 6",
		"possible_duplicates_total 7", "spilled_total 8", "lost_total 1", "rejected_total 3", "late_total 2", "skipped_total 4", "unsent 12", "in_flight 11",
		"oldest_unsent_seconds 2.5", `shard_records_total{shard_id="shardId-0"} 20`, `shard_records_total{shard_id="shardId-1"} 21`} {
		if !strings.Contains(answer.Body.String(), "\ncallevents_producer_"+want+"\n") {
			t.Errorf("no metric says %s:\n%s", want, answer.Body)
		}
	}
}

func blocked(reason put.Reason) status.Report {
	return status.Report{Put: put.Stats{Oldest: time.Minute, Standstill: put.Standstill{Reason: reason, For: time.Minute, Error: "why"}}}
}

// Before, /healthz failed as soon as a record was unsent for 30 s, and a supervisor restarted the producer in each outage
// of Kinesis. There was no /readyz.
func TestProbes(t *testing.T) {
	stuck := errors.New("the sender stands still")
	for name, is := range map[string]struct {
		report         status.Report
		healthy, ready bool
		says           string
	}{
		"at work":         {report: status.Report{}, healthy: true, ready: true, says: "ok"},
		"at the start":    {report: status.Report{Starting: true}, healthy: true, says: "starting"},
		"Kinesis is away": {report: blocked(put.KinesisFailing), healthy: true, says: "kinesis_failing for 1m0s: why"},
		"a loop is stuck": {report: status.Report{Stuck: stuck}, says: "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			log, _ := test.NewNullLogger()
			handler := status.Handler(prometheus.NewRegistry(), func() error { return is.report.Stuck }, status.NewWindow("calls", "1", func() status.Report { return is.report }), log)
			for path, well := range map[string]bool{"/healthz": is.healthy, "/readyz": is.ready} {
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
				want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[well]
				if answer.Code != want || (path == "/readyz" && !strings.Contains(answer.Body.String(), is.says)) {
					t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
				}
			}
		})
	}
}

// Each reason is a metric, and an Error once a minute that says what to do. Before, there was neither.
func TestAStandstillIsAMetricAndAnErrorOnceAMinute(t *testing.T) {
	for _, reason := range put.Reasons() {
		synctest.Test(t, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			is := func() status.Report {
				if reason == put.Internal {
					return status.Report{Stuck: errors.New("the sender stands still")}
				}
				return blocked(reason)
			}
			if _, err := status.NewMetrics(registry, is); err != nil {
				t.Fatal(err)
			}
			answer := httptest.NewRecorder()
			promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if want := fmt.Sprintf("callevents_producer_blocked{reason=%q} 1", reason); strings.Count(answer.Body.String(), "} 1\n") != 1 || !strings.Contains(answer.Body.String(), want) {
				t.Errorf("no metric says %s", want)
			}
			log, hook := test.NewNullLogger()
			ctx, cancel := context.WithTimeout(t.Context(), 199*time.Second)
			defer cancel()
			began := time.Now()
			status.Watch(ctx, func() status.Report {
				if time.Since(began) > 187*time.Second {
					return status.Report{}
				}
				return is()
			}, log)
			entries := hook.AllEntries()
			if len(entries) != 5 || entries[4].Message != "records are put again" {
				t.Fatalf("%d entries: %v", len(entries), entries)
			}
			for _, e := range entries[:4] {
				if e.Level != logrus.ErrorLevel || e.Data["reason"] != reason || e.Data["do"] == "" {
					t.Errorf("logged %v", e)
				}
			}
		})
	}
}

// A reporter logs where there is no terminal, and shows a live line where there is one.
func TestReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := test.NewNullLogger()
		var screen bytes.Buffer
		terminal := status.TerminalOf(&screen, 60)
		records := uint64(0)
		progress := func() status.Report {
			r := report()
			records += 50
			r.Put.Records = records
			return r
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		status.NewReporter(progress, terminal, log).Run(ctx)
		lines := strings.Split(screen.String(), "\r\x1b[K")
		if len(lines) != 5 || !strings.HasPrefix(lines[3], "50.0/s | 150 records | shards 20 21 | 11 in fl") || len(lines[3]) != 59 || lines[4] != "" {
			t.Errorf("the screen saw %q", lines)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		status.NewReporter(progress, nil, log).Run(ctx)
		if entries := hook.AllEntries(); len(entries) != 2 || fmt.Sprint(entries[1].Data["per_second"]) != "5" {
			t.Errorf("logged %v", entries)
		}
	})
}

func TestLogLinesStandAboveTheLiveLine(t *testing.T) {
	var screen bytes.Buffer
	terminal := status.TerminalOf(&screen, 80)
	fmt.Fprintln(terminal, "first")
	terminal.Show("live")
	fmt.Fprintln(terminal, "second")
	terminal.Show("")
	const erase = "\r\x1b[K"
	if want := "first\n" + erase + "live" + erase + "second\nlive" + erase; screen.String() != want {
		t.Errorf("the screen saw %q, want %q", screen.String(), want)
	}
}
