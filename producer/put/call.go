package put

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/producer/ledger"
)

// callTimeout bounds one PutRecords or PutRecord call. A call that exceeds it has an unknown outcome.
const callTimeout = 15 * time.Second

// slowestLine is the slowest line, in bytes a second, over which one record alone still arrives in time: 10 MiB, which
// travel as base64, take three minutes.
const slowestLine = 80_000

// timeout is that of the call. A record alone has more time the larger it is: there is no smaller call to make of it.
func (c *call) timeout() time.Duration {
	if len(c.entries) > 1 {
		return callTimeout
	}
	return callTimeout + time.Duration(base64.StdEncoding.EncodedLen(c.entries[0].bytes()))*time.Second/slowestLine
}

// API is what Sender needs of *kinesis.Client. The client must not retry: it would hide attempts with unknown outcome,
// and send again what was put.
type API interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
	PutRecord(context.Context, *kinesis.PutRecordInput, ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error)
}

// call is one PutRecords or PutRecord, and after it the outcome of each entry.
type call struct {
	entries []*entry
	started time.Time
	oldest  time.Time                     // when the oldest record was created
	results []types.PutRecordsResultEntry // one for each entry
	outcome outcome                       // of the entries that are not done
	err     error                         // why the whole call failed
}

func newCall(entries []*entry) *call {
	c := &call{entries: entries, started: time.Now()}
	for _, e := range entries {
		c.oldest = earliest(c.oldest, e.created())
		e.attempts++
	}
	return c
}

// send makes the call and returns when its outcome is known, or known to be unknown.
func (c *call) send(ctx context.Context, api API, cfg Config) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	if cfg.StrictOrder {
		c.results, c.err = putRecord(ctx, api, cfg, c.entries[0])
	} else {
		c.results, c.err = putRecords(ctx, api, cfg, c.entries)
	}
	if c.err == nil && len(c.results) != len(c.entries) {
		c.err = errors.New("the answer does not have one entry per record")
	}
	if c.err == nil {
		c.outcome = refused // an entry with an error code was not put
		c.markFailed()
		return
	}
	c.outcome = classify(c.err)
	c.results = make([]types.PutRecordsResultEntry, len(c.entries))
	for i, e := range c.entries {
		c.results[i].ErrorCode = aws.String(codeOf(c.err))
		if c.outcome == unknown {
			e.unknown++
			e.mark()
		}
	}
}

// markFailed marks the entries that failed for anything but a limit. A limit is checked before a record is put. Of an
// internal error nobody says so.
func (c *call) markFailed() {
	for i, e := range c.entries {
		if code := aws.ToString(c.results[i].ErrorCode); !c.done(i) && !isThrottling(code) {
			e.mark()
		}
	}
}

// done reports whether entry i was put.
func (c *call) done(i int) bool {
	return c.results[i].ErrorCode == nil && c.results[i].SequenceNumber != nil
}

// lines returns the ledger's lines of the entries that are done.
func (c *call) lines() []ledger.Line {
	lines := make([]ledger.Line, 0, len(c.entries))
	for i, e := range c.entries {
		if !c.done(i) {
			continue
		}
		for _, r := range e.records {
			unknown := e.unknown
			if r.To.Again {
				unknown++ // an earlier run may have put it
			}
			lines = append(lines, ledger.Line{CallID: r.Event.CallID, ShardID: aws.ToString(c.results[i].ShardId),
				SequenceNumber: *c.results[i].SequenceNumber, Unknown: unknown, ID: r.Event.ID})
		}
	}
	return lines
}

// errorCode is the first error code of the answer; empty: none.
func (c *call) errorCode() string {
	for i := range c.results {
		if code := aws.ToString(c.results[i].ErrorCode); code != "" {
			return code
		}
	}
	return ""
}

func putRecords(ctx context.Context, api API, cfg Config, entries []*entry) ([]types.PutRecordsResultEntry, error) {
	in := &kinesis.PutRecordsInput{StreamName: cfg.streamName(), StreamARN: cfg.streamARN(),
		Records: make([]types.PutRecordsRequestEntry, len(entries))}
	for i, e := range entries {
		in.Records[i] = types.PutRecordsRequestEntry{Data: e.data, PartitionKey: &e.partitionKey, ExplicitHashKey: &e.hashKey}
	}
	out, err := api.PutRecords(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Records, nil
}

func putRecord(ctx context.Context, api API, cfg Config, e *entry) ([]types.PutRecordsResultEntry, error) {
	out, err := api.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: cfg.streamName(), StreamARN: cfg.streamARN(),
		Data: e.data, PartitionKey: &e.partitionKey, ExplicitHashKey: &e.hashKey, SequenceNumberForOrdering: e.queue.last})
	if err != nil {
		return nil, err
	}
	return []types.PutRecordsResultEntry{{ShardId: out.ShardId, SequenceNumber: out.SequenceNumber}}, nil
}
