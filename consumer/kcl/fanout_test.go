package kcl_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/testenv/fanout"
)

// inWorld runs a test in simulated time.
func inWorld(t *testing.T, opts fanout.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, opts)) })
}

func TestFanOutReadsWhatWasPutAndWhatComes(t *testing.T) {
	inWorld(t, fanout.Options{}, func(t *testing.T, w *world) {
		w.shard.put(95)
		w.until(95)
		for range 10 {
			w.shard.put(3)
			w.reads(10 * time.Second)
		}
		w.exact()
		if w.logged(logrus.WarnLevel) > 0 {
			t.Error("warns without a reason")
		}
	})
}
