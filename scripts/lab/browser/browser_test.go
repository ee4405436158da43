// Package browser_test looks at the status pages in a real browser. Where there is none, its tests are skipped.
package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// tab is a tab of a browser. It notes whatever the page complains about.
type tab struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// open opens a tab at a page, in a browser of its own.
func open(t *testing.T, url string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 1000), chromedp.DisableGPU)
	browser, closeBrowser := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	b := &tab{T: t}
	var closeTab context.CancelFunc
	b.ctx, closeTab = chromedp.NewContext(browser, chromedp.WithListener(b.listen))
	t.Cleanup(func() {
		closeTab()
		closeBrowser()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.complaints {
			t.Errorf("the browser's console says: %s", c)
		}
	})
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank")); err != nil { // starts the browser, which lives as long as this context
		t.Fatalf("start the browser: %v", err)
	}
	b.run(chromedp.Navigate(url))
	return b
}

// chromium returns the browser, or skips the test.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no chromium on this machine: the status page was not looked at in a browser")
	return ""
}

func (b *tab) listen(event any) {
	complaint := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			complaint = fmt.Sprint(e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complaint = fmt.Sprintf("%s (%s)", e.Entry.Text, e.Entry.URL)
		}
	}
	if complaint != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, complaint)
	}
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ask(b, chromedp.Steps(steps...))
}

// ask runs an action, which has a deadline, and returns what comes of it.
func ask[T any](b *tab, action chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// is evaluates a condition in the page.
func (b *tab) is(condition string) bool {
	b.Helper()
	return ask(b, chromedp.Evaluate[bool](condition))
}

// await waits until the condition holds in the page, which is never loaded again. It ends the test with what the page says.
func (b *tab) await(what, condition string) {
	b.Helper()
	began := time.Now()
	for deadline := began.Add(90 * time.Second); !b.is(condition); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("the page does not show that %s:\n%s", what, ask(b, chromedp.Evaluate[string](`document.body.innerText`)))
		}
	}
	b.Logf("%s after %v", what, time.Since(began).Round(100*time.Millisecond))
}

// screen is how wide a screen is, and its colours.
type screen struct {
	width, height int64
	dark          bool
}

func (b *tab) on(s screen) {
	b.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[s.dark]
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	b.run(chromedp.EmulateViewport(s.width, s.height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
	if !b.is(`document.documentElement.scrollWidth <= innerWidth`) {
		b.Errorf("the page is wider than %d pixels", s.width)
	}
}

// shoot writes a picture to the folder that CALLEVENTS_SCREENSHOTS names, if it does.
func (b *tab) shoot(name string, s screen) {
	b.Helper()
	b.on(s)
	picture := ask(b, chromedp.CaptureScreenshot())
	const most = 150_000
	if len(picture) > most {
		b.Errorf("%s has %d bytes, more than %d", name, len(picture), most)
	}
	if dir := os.Getenv("CALLEVENTS_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// says is the condition that the sentence on top has that text.
func says(text string) string {
	return fmt.Sprintf(`document.querySelector("h1").textContent.includes(%q)`, text)
}

// row is a condition about the rows of shards, of which there is an array called rows.
func rows(condition string) string {
	return `(rows => ` + condition + `)([...document.querySelectorAll('tr[id^="row-"]')].map(r => r.textContent))`
}

func lines(t *testing.T, name string) func(string) error {
	return func(line string) error {
		if strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") {
			t.Errorf("%s: %s", name, line)
		}
		return nil
	}
}

// forgive forgets complaints with that text.
func (b *tab) forgive(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool { return strings.Contains(c, text) })
}

// mark does something in the page.
func (b *tab) mark(script string) {
	b.Helper()
	b.is(script + "; true")
}

// get returns the status of a page, 0 if there is no answer.
func get(url string) (code int, err error) {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
