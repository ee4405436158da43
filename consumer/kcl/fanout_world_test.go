package kcl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/fanout"
	"example.com/callevents/shared/testenv/faults"
)

const streamARN = "arn:aws:kinesis:eu-north-1:000000000000:stream/s"

// world is a shard in memory that is read by enhanced fan-out, over pipes: so tests have simulated time.
type world struct {
	t       *testing.T
	adapter *fanout.Adapter
	client  *kinesis.Client
	log     *logrustest.Hook
	source  kcl.Source
	tracker *stall.Tracker
	another func() kcl.Source // another reader of the same shard
	shard   fakeShard
	at      sequence.Number // where the reader is
	read    []string
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	refuse  string                 // code of the answer to SubscribeToShard; "": none
	refused func(body string) bool // if set, only these are refused
	asked   []string               // bodies of SubscribeToShard
	askedAt []time.Time
}

// handle refuses a subscription, or passes the request on.
func (w *world) handle(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	time.Sleep(time.Millisecond) // as any network, so that the client is done with sending before the answer comes
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	code := ""
	if faults.Operation(r) == "SubscribeToShard" {
		w.asked, w.askedAt = append(w.asked, string(body)), append(w.askedAt, time.Now())
		if w.refused == nil || w.refused(string(body)) {
			code = w.refuse
		}
	}
	w.mu.Unlock()
	if code != "" {
		faults.JSONError(400, code)(rw, r, nil)
		return
	}
	w.adapter.ServeHTTP(rw, r)
}

// calls returns the bodies and times of all calls of SubscribeToShard since it was last asked.
func (w *world) calls() (asked []string, at []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, at, w.asked, w.askedAt = w.asked, w.askedAt, nil, nil
	return asked, at
}

// refuses answers SubscribeToShard with an error from now on; "": no more.
func (w *world) refuses(code string, which func(body string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse, w.refused = code, which
}

// newWorld must be called in a bubble. The caller calls close.
func newWorld(t *testing.T, opts fanout.Options) *world {
	w := &world{t: t, tracker: stall.NewTracker(stall.After)}
	w.adapter = fanout.NewAdapter(&w.shard, http.NotFoundHandler(), opts)
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(w.handle)}
	go func() { _ = server.Serve(pipes) }()
	transport := &http.Transport{DialContext: pipes.dial, ResponseHeaderTimeout: 5 * time.Second}
	cfg := testenv.Config("http://kinesis")
	cfg.HTTPClient = &http.Client{Transport: transport}
	w.client = kinesis.NewFromConfig(cfg)
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.SetLevel(logrus.DebugLevel)
	w.log = logrustest.NewLocal(logger)
	w.ctx, w.cancel = context.WithCancel(t.Context())
	consumer := kcl.NewRegistration(w.client, streamARN, "app", logrus.NewEntry(logger))
	for consumer.Ready(w.ctx) != nil {
		time.Sleep(time.Second)
	}
	w.another = func() kcl.Source { return kcl.NewFanOut(w.client, consumer, first, w.tracker, logrus.NewEntry(logger)) }
	w.source = w.another()
	t.Cleanup(func() {
		w.cancel()
		server.Close()
		pipes.Close()
		transport.CloseIdleConnections()
		for _, line := range w.log.AllEntries() {
			if t.Failed() {
				text, _ := line.String()
				t.Log(text)
			}
		}
	})
	return w
}

// next reads one page, as a pipeline does.
func (w *world) next() (kcl.Page, error) {
	page, err := w.source.Next(w.ctx, w.at)
	for _, r := range page.Records {
		w.read, w.at = append(w.read, string(r.Data)), sequence.Number(*r.SequenceNumber)
	}
	if page.Read {
		w.tracker.Progress()
	}
	return page, err
}

// until reads until n records were read.
func (w *world) until(n int) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Hour); len(w.read) < n; {
		if _, err := w.next(); err != nil || time.Now().After(deadline) {
			w.t.Fatalf("%d of %d records read, %v", len(w.read), n, err)
		}
	}
}

// reads goes on reading for a while.
func (w *world) reads(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := w.next(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// exact wants every record that was put, once and in order.
func (w *world) exact() {
	w.t.Helper()
	for i, data := range w.read {
		if n, err := strconv.Atoi(data); err != nil || n != i {
			w.t.Fatalf("record %d is %s", i, data)
		}
	}
	if put, _ := w.shard.count(); len(w.read) != put {
		w.t.Errorf("%d records read, %d put", len(w.read), put)
	}
}

// logged counts the lines of a level.
func (w *world) logged(level logrus.Level) (n int) {
	for _, line := range w.log.AllEntries() {
		if line.Level == level && line.Message != "consumer registered for enhanced fan-out: it costs by the hour and shard until it is deregistered" {
			n++
		}
	}
	return n
}

// fakeShard is a shard in memory. Its records have their index as data.
type fakeShard struct {
	mu      sync.Mutex
	records []types.Record
	given   int // records, repeats included
	size    int // of the data of a record, if more than its index
	closed  bool
	gone    bool
}

// change runs f under the shard's lock.
func (s *fakeShard) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// count returns how many records were put, and how many were given.
func (s *fakeShard) count() (put, given int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records), s.given
}

func (s *fakeShard) put(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		i := len(s.records)
		data := []byte(fmt.Sprint(i))
		if s.size > 0 {
			data = fmt.Appendf(nil, "%0*d", s.size, i)
		}
		s.records = append(s.records, types.Record{Data: data, PartitionKey: aws.String("p"), SequenceNumber: aws.String(fmt.Sprint(1000 + i)),
			ApproximateArrivalTimestamp: aws.Time(time.Now().Truncate(time.Millisecond))})
	}
}

func (s *fakeShard) GetShardIterator(_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || *in.ShardId != first {
		return nil, &types.ResourceNotFoundException{}
	}
	at := 0
	if in.StartingSequenceNumber != nil {
		n, err := strconv.Atoi(*in.StartingSequenceNumber)
		if err != nil || n < 1000 || n >= 1000+len(s.records) {
			return nil, &types.InvalidArgumentException{Message: in.StartingSequenceNumber}
		}
		at = n - 1000 + 1
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String(strconv.Itoa(at))}, nil
}

func (s *fakeShard) GetRecords(_ context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := strconv.Atoi(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	n := min(10, len(s.records)-at)
	s.given += n
	out := &kinesis.GetRecordsOutput{Records: s.records[at : at+n], MillisBehindLatest: aws.Int64(int64(1000 * (len(s.records) - at - n)))}
	if !s.closed || at+n < len(s.records) {
		out.NextShardIterator = aws.String(strconv.Itoa(at + n))
	}
	return out, nil
}

func (s *fakeShard) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return &kinesis.ListShardsOutput{Shards: []types.Shard{{ShardId: aws.String(second), ParentShardId: aws.String(first)}}}, nil
}

// pipeListener is a network of pipes.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.IPAddr{} }
