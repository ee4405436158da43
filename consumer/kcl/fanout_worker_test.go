package kcl_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/fanout"
	"example.com/callevents/shared/testenv/faults"
)

// newFanOutRig is a rig whose workers read by enhanced fan-out.
func newFanOutRig(t *testing.T, shards int, opts fanout.Options) (*rig, *fanout.Server) {
	t.Helper()
	r := newRig(t, shards)
	server, err := fanout.Listen(testenv.Kinesis(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	r.kinesis = r.proxy(server.URL())
	out, err := r.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream})
	if err != nil {
		t.Fatal(err)
	}
	logger := logrus.New()
	logger.SetOutput(t.Output())
	r.consumer = kcl.NewRegistration(kinesis.NewFromConfig(testenv.Config(r.kinesis.URL())), aws.ToString(out.StreamDescriptionSummary.StreamARN), r.app,
		logrus.NewEntry(logger))
	testenv.Eventually(t, "the consumer is not registered", func() bool { return r.consumer.Ready(t.Context()) == nil })
	return r, server
}

// Several subscriptions of one client, shards that end, a hand-over, and a restart. With the race detector, seen to fail with
// the protocol of the client: the SDK's subscriptions share a state.
func TestWorkersReadByFanOut(t *testing.T) {
	r, _ := newFanOutRig(t, 4, fanout.Options{Life: 8 * time.Second})
	r.put(200)
	before := goleak.IgnoreCurrent()
	a := r.run("a")
	a.holds(4)
	r.put(200)
	b := r.run("b")
	a.holds(2)
	b.holds(2)
	r.split(first, "42535295865117307932921825928971026432")
	a.worker.Refresh()
	r.put(200)
	r.verify()
	a.stop()
	r.put(200)
	b.holds(5)
	r.merge("shardId-000000000001", "shardId-000000000002")
	r.put(200)
	r.verify()
	b.stop()
	if calls := r.kinesis.Counts()["GetRecords"] + r.kinesis.Counts()["GetShardIterator"]; calls > 0 {
		t.Errorf("%d calls of polling", calls)
	}
	options := []goleak.Option{before}
	for _, f := range []string{"net/http.(*persistConn).readLoop", "net/http.(*persistConn).writeLoop", "net/http.(*conn).serve", "net/http.(*Server).Serve"} {
		options = append(options, goleak.IgnoreAnyFunction(f))
	}
	goleak.VerifyNone(t, options...)
}

// Kinesis is out of order for longer than the lease, in every way.
func TestOutagesAreOutlastedByFanOut(t *testing.T) {
	t.Parallel()
	expired := faults.JSONError(400, "ExpiredTokenException")
	for name, disturb := range map[string]func(r *rig, s *fanout.Server) (mend func()){
		"down":        func(r *rig, _ *fanout.Server) func() { r.kinesis.Down(); return func() { _ = r.kinesis.Up() } },
		"hangs":       func(r *rig, _ *fanout.Server) func() { return r.again(faults.Hang()) },
		"refuses":     func(r *rig, _ *fanout.Server) func() { return r.again(faults.JSONError(500, "InternalFailure")) },
		"credentials": func(r *rig, _ *fanout.Server) func() { return r.again(expired) },
		"first frame": func(r *rig, _ *fanout.Server) func() {
			return r.again(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
				_, _ = w.Write([]byte("\x00\x00"))
			})
		},
		"no first frame": func(r *rig, _ *fanout.Server) func() {
			return r.again(func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
				_ = http.NewResponseController(w).Flush()
				<-req.Context().Done()
			})
		},
		"taken over": func(_ *rig, s *fanout.Server) func() { s.TakeOver(); return func() {} },
		"each event breaks": func(_ *rig, s *fanout.Server) func() {
			s.Strike(4, fanout.Cut())
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newFanOutRig(t, 2, fanout.Options{Refusal: time.Second})
			r.lease = 3 * time.Second
			a := r.run("a")
			a.holds(2)
			r.put(50)
			mend := disturb(r, s)
			r.put(50)
			time.Sleep(r.lease + r.lease/2)
			mend()
			r.put(50)
			r.verify()
			a.holds(2)
		})
	}
}

// again breaks all connections, and lets every new request meet a fault.
func (r *rig) again(fault faults.Fault) (mend func()) {
	rule := r.kinesis.Add(faults.Rule{Fault: fault})
	r.kinesis.Down()
	if err := r.kinesis.Up(); err != nil {
		r.t.Error(err)
	}
	return rule.Remove
}

func TestStandstillsByFanOutAreToldByTheWorker(t *testing.T) {
	t.Parallel()
	r, _ := newFanOutRig(t, 1, fanout.Options{})
	r.stall = 2 * time.Second
	n := r.run("a")
	n.holds(1)
	mend := r.again(faults.JSONError(400, "AccessDeniedException"))
	testenv.Eventually(t, "not told", func() bool { return n.reasons()[first+" "+string(stall.KinesisDenied)] })
	mend()
	r.put(10)
	r.verify()
}

func TestDeletedStreamEndsTheWorkerThatReadsByFanOut(t *testing.T) {
	t.Parallel()
	r, _ := newFanOutRig(t, 1, fanout.Options{})
	n := r.run("a")
	n.holds(1)
	r.put(10)
	r.verify()
	if _, err := r.client.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &r.stream}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-n.done:
	case <-time.After(time.Minute):
		t.Fatal("the worker goes on")
	}
	if n.err == nil || !strings.Contains(n.err.Error(), "does not exist any more") {
		t.Errorf("ended with %v", n.err)
	}
}
