package status_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/producer/put"
	"example.com/callevents/producer/status"
)

// ask asks for a path of a run that was sampled for ten seconds, in which 50 records a second were put.
func ask(t *testing.T, r status.Report, path string) (body string) {
	synctest.Test(t, func(t *testing.T) {
		began, records := time.Now(), r.Put.Records
		window := status.NewWindow(`calls"><script>`, "50", func() status.Report {
			r.Put.Records = records + uint64(50*time.Since(began).Seconds())
			return r
		})
		ctx, stop := context.WithTimeout(t.Context(), 11*time.Second)
		defer stop()
		window.Run(ctx)
		log, _ := test.NewNullLogger()
		answer := httptest.NewRecorder()
		status.Handler(prometheus.NewRegistry(), func() error { return nil }, window, log).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d", path, answer.Code)
		}
		body = answer.Body.String()
	})
	return body
}

// Seen to fail where there was no page.
func TestThePageOfAProducer(t *testing.T) {
	for name, c := range map[string]struct {
		report status.Report
		has    []string
		hasNot string
	}{
		"at work":     {report(), []string{"50.0 records a second into 2 shards.", "1 events are lost.", "8 events were spilled", "the fullest has 1 record more", "the latest by 1.5 s", `<path class="line" d="M`}, "What to do"},
		"starting":    {status.Report{Starting: true}, []string{"The run is starting"}, "<table"},
		"not allowed": {blocked(put.KinesisDenied), []string{"Records are not put: kinesis_denied.", "What to do: give the credentials", "<code>why</code>"}, "starting"},
	} {
		page := ask(t, c.report, "/")
		for _, want := range c.has {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page does not say %q:\n%s", name, want, page)
			}
		}
		if strings.Contains(page, c.hasNot) || strings.Count(page, "<script") != 1 {
			t.Errorf("%s: the page says %q, or a value is not escaped", name, c.hasNot)
		}
	}
}

func TestTheStateOfAProducer(t *testing.T) {
	var state struct {
		Format, Spilled, Lost, InFlight int
		Level, Sentence, Aim            string
		Rate, Spread                    float64
		Shards                          []struct {
			ID      string
			Records int
		}
	}
	body := ask(t, report(), "/api/state")
	if err := json.Unmarshal([]byte(body), &state); err != nil || state.Format != 1 || state.Level != "bad" || state.Rate != 50 || state.Spread != 1 || len(state.Shards) != 2 ||
		!strings.Contains(body, `"in_flight": 11`) || !strings.Contains(body, `"oldest_unsent": 2.5`) || strings.Contains(body, "null") {
		t.Errorf("%+v, %v:\n%s", state, err, body)
	}
}
