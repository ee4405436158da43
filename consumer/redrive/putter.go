package redrive

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/wait"
)

// Limits of PutRecords (API reference): entries, and bytes with partition keys, of one request. The stream may
// accept 10 MiB. Every stream accepts 5 MiB, and a single larger record still goes by itself.
const (
	maxEntries           = 500
	maxBytes             = 5 << 20
	maxPartitionKeyChars = 256
)

// So many calls in a row without one acknowledged record end the redrive. With these pauses that is about a minute.
const (
	maxRefusals = 20
	callTimeout = 30 * time.Second
)

var backoff = wait.Backoff{First: time.Second, Last: 5 * time.Second}

// Stream is what a redrive needs of Kinesis; *kinesis.Client has it. A record is durable once the answer gives its
// sequence number; a call that failed may have put any part of it.
type Stream interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// putter gathers entries into requests.
type putter struct {
	name    string
	stream  Stream
	waiting []types.PutRecordsRequestEntry
	bytes   int
}

// add queues an entry. It returns how many entries were put to make room for it.
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

// request keeps the keys of the record if the stream accepts them. Some records were rejected because they have no
// partition key. The sequence number serves as one: any key is as good, and it spreads. It also replaces an identity: a redrive
// is a new record, and the consumer would drop it as a copy of the rejected one.
func request(entry warehouse.DeadLetter) types.PutRecordsRequestEntry {
	e := types.PutRecordsRequestEntry{Data: entry.Data, PartitionKey: &entry.PartitionKey}
	if id, _ := identity.Parse(entry.PartitionKey); !id.None() || entry.PartitionKey == "" || utf8.RuneCountInString(entry.PartitionKey) > maxPartitionKeyChars {
		e.PartitionKey = &entry.SequenceNumber
	}
	if _, err := hashkey.Parse(entry.ExplicitHashKey); err == nil {
		e.ExplicitHashKey = &entry.ExplicitHashKey
	}
	return e
}

// flush puts all that waits and returns how many entries the stream acknowledged. Success is per entry: after a pause,
// only the refused ones are sent again. A call that fails as a whole, after the SDK's own retries, ends it. Its outcome
// is unknown, so a person has to decide whether to go on.
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
			if err := wait.For(ctx, backoff.After(refusals)); err != nil {
				return put, fmt.Errorf("put records: %w", err)
			}
		}
	}
	p.bytes = 0
	return put, nil
}

// send puts all that waits once, keeps the refused entries, and returns the last refusal.
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
