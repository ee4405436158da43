package redrive

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
)

// Limits of PutRecords (API reference): entries, and bytes with partition keys, of one request. The stream may
// take 10 MiB; 5 MiB is what every stream takes, and a single larger record still goes by itself.
const (
	maxEntries           = 500
	maxBytes             = 5 << 20
	maxPartitionKeyChars = 256
)

// If nothing at all is taken this often in a row, it is not going to be: with these pauses, within about a minute.
const (
	maxRefusals = 20
	maxBackoff  = 5 * time.Second
	callTimeout = 30 * time.Second
)

// Stream is what a redrive needs of Kinesis; *kinesis.Client has it. A record is durable once the answer gives its
// sequence number; a call that failed may have put any part of it.
type Stream interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// putter gathers entries into requests.
type putter struct {
	name    string
	stream  Stream
	backoff *retry.ExponentialJitterBackoff
	waiting []types.PutRecordsRequestEntry
	bytes   int
}

func newPutter(name string, stream Stream) *putter {
	return &putter{name: name, stream: stream, backoff: retry.NewExponentialJitterBackoff(maxBackoff)}
}

// add queues an entry and returns how many were put to make room for it.
func (p *putter) add(ctx context.Context, entry warehouse.DeadLetter) (put int, err error) {
	e := request(entry)
	size := len(e.Data) + len(*e.PartitionKey)
	if len(p.waiting) == maxEntries || p.bytes+size > maxBytes {
		if put, err = p.flush(ctx); err != nil {
			return put, err
		}
	}
	p.waiting, p.bytes = append(p.waiting, e), p.bytes+size
	return put, nil
}

// request keeps the keys of the record if the stream can take them. Without a partition key, which is what some are
// rejected for, the sequence number serves: any key is as good, and it spreads.
func request(entry warehouse.DeadLetter) types.PutRecordsRequestEntry {
	e := types.PutRecordsRequestEntry{Data: entry.Data, PartitionKey: &entry.PartitionKey}
	if entry.PartitionKey == "" || utf8.RuneCountInString(entry.PartitionKey) > maxPartitionKeyChars {
		e.PartitionKey = &entry.SequenceNumber
	}
	if _, err := hashkey.Parse(entry.ExplicitHashKey); err == nil {
		e.ExplicitHashKey = &entry.ExplicitHashKey
	}
	return e
}

// flush puts what waits and returns how many entries the stream acknowledged. Success is per entry: only what was
// refused is sent again, after a pause with full jitter. A call that fails as a whole, after the SDK's own retries,
// ends it: whether it has put anything is unknown, and going on is for a person to decide.
func (p *putter) flush(ctx context.Context) (put int, err error) {
	for refusals := 0; len(p.waiting) > 0; {
		before := len(p.waiting)
		refused, err := p.send(ctx)
		if err != nil {
			return put, fmt.Errorf("put records: %w", err)
		}
		put += before - len(p.waiting)
		if refusals++; len(p.waiting) < before {
			refusals = 0
		}
		if refusals == maxRefusals {
			return put, fmt.Errorf("put records: %d refused %d times, at last with %w", before, refusals, refused)
		}
		if refused != nil {
			if err := p.pause(ctx, refusals, refused); err != nil {
				return put, err
			}
		}
	}
	p.bytes = 0
	return put, nil
}

// send puts all that waits once, keeps what was refused, and returns the last refusal.
func (p *putter) send(ctx context.Context) (refused, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := p.stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &p.name, Records: p.waiting})
	if err != nil {
		return nil, err
	}
	if len(out.Records) != len(p.waiting) {
		return nil, fmt.Errorf("%d answers for %d records", len(out.Records), len(p.waiting))
	}
	rest := p.waiting[:0]
	for i, answer := range out.Records {
		if answer.SequenceNumber == nil {
			refused = fmt.Errorf("%s: %s", aws.ToString(answer.ErrorCode), aws.ToString(answer.ErrorMessage))
			rest = append(rest, p.waiting[i])
		}
	}
	p.waiting = rest
	return refused, nil
}

func (p *putter) pause(ctx context.Context, refusals int, cause error) error {
	delay, err := p.backoff.BackoffDelay(refusals, cause)
	if err != nil {
		delay = maxBackoff
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("put records: %w", ctx.Err())
	}
}
