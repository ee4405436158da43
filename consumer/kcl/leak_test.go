package kcl_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Seen to fail when neither release nor the end of the lease ends the contexts of a shard consumer.
func TestNoGoroutineIsLeftWhenAWorkerHasStopped(t *testing.T) {
	r := newRig(t, 4)
	r.put(100)
	before := goleak.IgnoreCurrent()
	n := r.run("a")
	n.holds(4)
	r.verify()
	n.stop()
	idle := []string{"net/http.(*persistConn).readLoop", "net/http.(*persistConn).writeLoop", "net/http.(*conn).serve"}
	options := []goleak.Option{before}
	for _, f := range idle { // connections that clients and proxies keep for later
		options = append(options, goleak.IgnoreAnyFunction(f))
	}
	goleak.VerifyNone(t, options...)
}
