package put_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/put"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/event"
)

func always(err error) func() (error, bool) { return func() (error, bool) { return err, false } }

func status(code int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: errors.New("no body")}}
}

// standstills are the ways in which nothing, or too little, is put. Each begins while the sender works.
var standstills = map[string]struct {
	begin func(*rig)
	want  put.Reason
	ttl   time.Duration // 0: longer than the test
	every time.Duration // between two records; 0: 50 ms
}{
	"PutRecords hangs":       {begin: func(b *rig) { b.stream.latency = time.Hour }, want: put.KinesisFailing},
	"answers 500":            {begin: func(b *rig) { b.stream.fail = always(&types.InternalFailureException{}) }, want: put.KinesisFailing},
	"answers 503":            {begin: func(b *rig) { b.stream.fail = always(status(503)) }, want: put.KinesisFailing},
	"is denied":              {begin: func(b *rig) { b.stream.fail = always(&types.AccessDeniedException{}) }, want: put.KinesisDenied},
	"may not use the key":    {begin: func(b *rig) { b.stream.fail = always(&types.KMSAccessDeniedException{}) }, want: put.KinesisDenied},
	"has no credentials":     {begin: func(b *rig) { b.stream.fail = always(&awsclient.CredentialsError{Err: errors.New("no answer")}) }, want: put.KinesisDenied},
	"throttles calls":        {begin: func(b *rig) { b.stream.fail = always(&types.LimitExceededException{}) }, want: put.KinesisThrottled},
	"throttles the key":      {begin: func(b *rig) { b.stream.fail = always(&types.KMSThrottlingException{}) }, want: put.KinesisThrottled},
	"throttles each record":  {begin: func(b *rig) { b.stream.refuse = func(string, string) bool { return true } }, want: put.KinesisThrottled},
	"throttles one shard":    {begin: func(b *rig) { b.stream.refuse = func(id, _ string) bool { return strings.HasSuffix(id, "3") } }, want: put.KinesisThrottled},
	"is cut":                 {begin: func(b *rig) { b.stream.fail = always(errors.New("connection reset by peer")) }, want: put.KinesisFailing},
	"is slow":                {begin: func(b *rig) { b.stream.latency = 14 * time.Second }, want: put.KinesisSlow, every: 10 * time.Millisecond},
	"hangs, and spills soon": {begin: func(b *rig) { b.stream.latency = time.Hour }, want: put.KinesisFailing, ttl: 2 * time.Second},
	"throttles, spills soon": {begin: func(b *rig) { b.stream.fail = always(&types.LimitExceededException{}) }, want: put.KinesisThrottled, ttl: 2 * time.Second},
	"the spill fails": {begin: func(b *rig) {
		b.stream.latency, b.spilled.err = time.Hour, errors.New("disk full")
	}, want: put.SpillFailing, ttl: 2 * time.Second},
	"the ledger hangs": {begin: func(b *rig) { b.book.hangs = make(chan struct{}) }, want: put.LedgerFailing},
	"the spill hangs":  {begin: func(b *rig) { b.stream.latency, b.spilled.hangs = time.Hour, make(chan struct{}) }, want: put.SpillFailing, ttl: 2 * time.Second},
}

// Before, the sender told none of them: Stats had nothing but the age of the oldest unsent record, which stays young if
// the record TTL is short. While the ledger or the spill hung, Stats did not return at all.
func TestEveryStandstillIsToldWithinAMinute(t *testing.T) {
	for name, kind := range standstills {
		for when, pause := range map[string]time.Duration{"at the start": 0, "later": time.Minute} {
			if kind.want == put.KinesisDenied && pause == 0 {
				continue // ends the run: TestWhatNoRetryCanCureEndsTheRun
			}
			t.Run(name+" "+when, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					b := start(t, 4, put.Config{InFlight: 1, Linger: 100 * time.Millisecond, RecordTTL: kind.ttl}, nil)
					if pause == 0 {
						b.change(func() { kind.begin(b) })
					}
					stop := b.keepPutting(t, cmp.Or(kind.every, 50*time.Millisecond))
					time.Sleep(pause)
					if s := b.Stats().Standstill; s.Reason != "" {
						t.Fatalf("before anything was wrong: %+v", s)
					}
					if pause > 0 {
						b.change(func() { kind.begin(b) })
					}
					told, began := b.Stats().Standstill, time.Now()
					for ; told.For <= 0 && time.Since(began) < 50*time.Second; told = b.Stats().Standstill { // the log looks each 5 s
						time.Sleep(time.Second)
					}
					if told.Reason != kind.want || told.For <= 0 {
						t.Errorf("after %s: %+v, want %s", time.Since(began), told, kind.want)
					}
					b.change(b.mend)
					time.Sleep(2 * time.Minute)
					if s := b.Stats().Standstill; s.Reason != "" {
						t.Errorf("two minutes after it was mended: %+v", s)
					}
					stop()
					if err := b.finish(); err != nil {
						t.Error(err)
					}
					b.verify(t)
				})
			})
		}
	}
}

// A record may have waited for longer than its shard has taken nothing. Before, that was told as slowness of a stream
// that hangs.
func TestOldRecordsDoNotMakeAHangingStreamSlow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 1, put.Config{InFlight: 1}, func(b *rig) { b.stream.latency = time.Second })
		if err := b.make(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second / 2)
		b.change(func() { b.stream.latency = time.Hour })
		e := event.Event{CallID: id(b.made), JSON: []byte(`{"event":{"property":{"call_id":"call-000001"}}}`)}
		b.made++
		if err := b.Put(put.Record{Event: e, To: b.router.Next(), Created: time.Now().Add(-25 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // one call has timed out
		if s := b.Stats().Standstill; s.Reason != put.KinesisFailing {
			t.Errorf("%+v, want %s", s, put.KinesisFailing)
		}
		b.change(b.mend)
		if err := b.finish(); err != nil {
			t.Error(err)
		}
		b.verify(t)
	})
}

// At the start a denial is for a person: it ends the run. Later the run waits for the permission to come back, and loses
// nothing. Before, it ended the run at any time (seen: Run returned AccessDeniedException).
func TestADenialAfterTheStartIsOutlasted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{}, nil)
		if err := b.make(100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.change(func() { b.stream.fail = always(&types.AccessDeniedException{}) })
		if err := b.make(100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		calls := 0
		b.change(func() { calls = len(b.stream.calls); b.mend() })
		if err := b.finish(); err != nil {
			t.Error(err)
		}
		b.verify(t)
		if len(b.book.entries) != 200 || calls > 4*10*60 {
			t.Errorf("%d of 200 were put; %d calls in ten minutes", len(b.book.entries), calls)
		}
	})
}

// A spill that cannot be written loses nothing while the run goes on: the records are put when the stream is back.
// Before, they were counted as lost at once.
func TestRecordsWaitForASpillThatCannotBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 2, put.Config{RecordTTL: time.Second}, func(b *rig) {
			b.spilled.err = errors.New("disk full")
			b.stream.refuse = func(string, string) bool { return true }
		})
		if err := b.make(30); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		tried := 0
		b.change(func() { tried = b.spilled.tried; b.mend() })
		if err := b.finish(); err != nil {
			t.Error(err)
		}
		b.verify(t)
		if stats := b.Stats(); stats.Lost > 0 || len(b.book.entries)+len(b.spilled.events) != 30 || tried > 12*60+1 {
			t.Errorf("figures %+v; the spill was tried %d times in an hour", stats, tried)
		}
	})
}

// The pulse is about the loop alone: it stops with a write to the disk that never returns, and with nothing that AWS does.
func TestThePulseOfTheLoop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, 4, put.Config{RecordTTL: time.Minute}, func(b *rig) { b.stream.latency = time.Hour })
		stop := b.keepPutting(t, 10*time.Millisecond)
		for range 100 {
			time.Sleep(10 * time.Second)
			if err := b.Stuck(); err != nil {
				t.Fatalf("while Kinesis hangs: %v", err)
			}
		}
		stop()
		time.Sleep(time.Hour)
		if err := b.Stuck(); err != nil {
			t.Fatalf("without records: %v", err)
		}
		b.change(func() { b.stream.latency, b.book.hangs = 0, make(chan struct{}) })
		_ = b.make(1)
		time.Sleep(pulse.Limit + time.Minute)
		if err := b.Stuck(); err == nil {
			t.Error("the ledger hangs for two minutes, and the loop is said to turn")
		}
		b.change(b.mend)
		if err := errors.Join(b.finish(), b.Stuck()); err != nil {
			t.Error(err)
		}
	})
}

// keepPutting puts a record each so long, until the function that it returns is called.
func (b *rig) keepPutting(t *testing.T, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if b.make(1) != nil {
				return
			}
			time.Sleep(every)
		}
	}()
	return func() { cancel(); <-ended }
}
