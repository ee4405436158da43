package browser_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/fleet/scene"
	"example.com/callevents/consumer/status"
)

// shown is an instance that shows a view.
type shown struct{ view atomic.Pointer[fleet.View] }

func (*shown) Healthy() error                    { return nil }
func (*shown) Ready() error                      { return nil }
func (s *shown) View(context.Context) fleet.View { return *s.view.Load() }

// The map can be read on any screen: it fits, its text keeps its size, and what stands still is told in words. Seen to fail
// with a map that is scaled to the width of the screen: its text was 4 pixels high on a phone.
func TestTheMapCanBeReadOnAnyScreen(t *testing.T) {
	t.Parallel()
	chromium(t)
	log := logrus.New()
	log.SetOutput(io.Discard)
	instance := &shown{}
	server := httptest.NewServer(status.Handler(instance, prometheus.NewRegistry(), log))
	t.Cleanup(server.Close)
	var b *tab
	for _, c := range []struct {
		name  string
		scene scene.Scene
	}{
		{"one", scene.Scene{Shards: 1, Workers: 1}}, {"four", scene.Scene{Shards: 4, Workers: 3, Blocked: only(3)}},
		{"24", scene.Scene{Shards: 24, Workers: 10, Blocked: only(7)}}, {"1000", scene.Scene{Shards: 1000, Workers: 100, Blocked: only(100)}},
	} {
		v := c.scene.View(t)
		instance.view.Store(&v)
		if b == nil {
			b = open(t, server.URL)
		} else {
			b.run(chromedp.Navigate(server.URL + "/"))
		}
		for _, s := range []screen{{width: 390, height: 844}, {width: 390, height: 844, dark: true}, {width: 768, height: 1024}, {width: 1400, height: 900}} {
			b.on(s)
			for wrong, condition := range map[string]string{
				"the map is not there, or wider than the screen": `(r => r.width > 300 && r.right <= innerWidth && r.height >= 11)(document.querySelector("figure svg").getBoundingClientRect())`,
				"text of the map is too small":                   `[...document.querySelectorAll("figure > svg text")].every(e => (r => r.width == 0 || Math.min(r.width, r.height) >= 11)(e.getBoundingClientRect()))`,
				"a shard has no text in the map":                 `[...document.querySelectorAll('svg[id^="box-"]')].every(e => [...e.querySelectorAll("text")].some(x => x.getBoundingClientRect().width > 0))`,
				"what stands still is not told":                  fmt.Sprint(c.scene.Blocked == nil, ` || document.querySelector("h1 .bad").textContent.includes("stands still") && !!document.querySelector("figure .blocked, figure .hblocked")`),
			} {
				if !b.is(condition) {
					t.Errorf("%s shards on %d pixels: %s", c.name, s.width, wrong)
				}
			}
		}
	}
	b.shoot("status-large.png", screen{width: 1180, height: 780})
	b.run(chromedp.KeyEvent("\t"))
	if !b.is(`document.activeElement.className == "skip"`) {
		t.Error("the first key does not lead to the shards")
	}
	b.mark(`document.querySelector('a[href="/?all"]').focus(); document.title = "old"`)
	b.await("it was refreshed", `document.title != "old"`)
	if !b.is(`document.activeElement.getAttribute("href") == "/?all"`) {
		t.Error("the refresh took the focus away")
	}

	server.CloseClientConnections()
	server.Close()
	b.await("the instance does not answer any more", `!document.getElementById("stale").hidden && /\d\d:\d\d:\d\d UTC/.test(document.getElementById("stale").textContent)`)
	b.forgive("net::ERR_CONNECTION")
}

func only(shard int) func(int) bool { return func(n int) bool { return n == shard } }
