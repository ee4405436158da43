package testenv

import (
	"testing"
	"time"
)

// eventualTimeout is long, since the machine that runs the tests may be busy; a passing test never waits for it.
const eventualTimeout = 2 * time.Minute

// Eventually waits until ok holds, asking every 20 ms, and ends the test with what is wrong if it never does.
func Eventually(t testing.TB, wrong string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(eventualTimeout); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
	}
}
