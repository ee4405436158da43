package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/audit/reference"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// letter is one dead letter.
type letter struct {
	call    uint64 // hash of its call_id, 0 if it has none
	content uint64 // hash of all that it says
	shard   string
	number  sequence.Number // zero: it is none
	sub     int             // place in its container

	suspected bool // as a copy
}

// suspectedCopy is the reason of a first send whose event was there, as it stands in a dead letter.
const suspectedCopy = "suspected_copy"

// readDeadLetters reads the dead letters that the link of o names.
func (r reader) readDeadLetters(ctx context.Context, o *object) error {
	if o.link.Rejected == 0 {
		return nil
	}
	key := o.link.DeadLetters
	read, err := r.letters(ctx, o.link.Bucket, key)
	switch {
	case isMissing(err):
		o.fault(DeadLetterFaults, "%d records were rejected, but %q does not exist", o.link.Rejected, key)
		return nil
	case err != nil:
		return err
	}
	o.deadLetters = read.list
	if read.broken != nil {
		o.fault(DeadLetterFaults, "%q: %s", key, quoted(read.broken.Error()))
	}
	for _, l := range o.deadLetters {
		if l.shard != o.link.Shard || o.link.First.After(l.number) || l.number.After(o.link.Last) {
			o.fault(DeadLetterFaults, "%q has sequence number %q of %q, which is not of this link", key, l.number, l.shard)
		}
	}
	switch {
	case len(o.deadLetters) != o.link.Rejected:
		o.fault(DeadLetterFaults, "%d records were rejected, %q has %d", o.link.Rejected, key, len(o.deadLetters))
	case !inOrder(o.deadLetters):
		o.fault(DeadLetterFaults, "%q: not in the order of the shard, or twice", key)
	}
	return nil
}

func isMissing(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound
}

// inOrder reports that every dead letter has a place of its own, after the one before.
func inOrder(letters []letter) bool {
	for i := 1; i < len(letters); i++ {
		before, l := letters[i-1], letters[i]
		if c := before.number.Compare(l.number); c > 0 || c == 0 && before.sub >= l.sub {
			return false
		}
	}
	return true
}

// letters are the content of an object with dead letters.
type letters struct {
	list   []letter
	broken error // why the list ends before the object does; nil: it does not
}

// letters reads dead letters to the end, or to the first that is none.
func (r reader) letters(ctx context.Context, bucket, key string) (read letters, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := r.bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return read, fmt.Errorf("get %q: %w", key, err)
	}
	defer out.Body.Close()
	body := &transport{Reader: out.Body}
	for from := json.NewDecoder(body); ; {
		var one warehouse.DeadLetter
		err := from.Decode(&one)
		switch {
		case body.err != nil:
			return read, fmt.Errorf("read %q: %w", key, body.err)
		case errors.Is(err, io.EOF):
			return read, nil
		case err != nil:
			read.broken = err
			return read, nil
		}
		read.list = append(read.list, letterOf(one, r.seed))
	}
}

func letterOf(read warehouse.DeadLetter, seed maphash.Seed) letter {
	l := letter{shard: read.ShardID, sub: read.SubSequence, suspected: read.Reason == suspectedCopy}
	l.number, _ = sequence.Parse(read.SequenceNumber)
	l.hash(seed, read.Data, read.Stream, read.PartitionKey, read.ExplicitHashKey, string(read.Reason), read.ArrivalTime)
	return l
}

// letterFor is the dead letter that a user record of the stream should have become.
func letterFor(o reference.Outcome, shard, stream string, r Record, seed maphash.Seed) letter {
	l := letter{shard: shard, number: r.Number, sub: o.SubSequence, suspected: o.Reason == suspectedCopy}
	partitionKey := r.PartitionKey
	if o.PartitionKey != nil {
		partitionKey = asJSON(o.PartitionKey)
	}
	l.hash(seed, o.Data, stream, partitionKey, asJSON(o.ExplicitHashKey), o.Reason, r.Arrived)
	return l
}

func (l *letter) hash(seed maphash.Seed, data []byte, stream, partitionKey, hashKey, reason string, arrived time.Time) {
	if json.Valid(data) {
		l.call = callHash(data, seed)
	}
	var h maphash.Hash
	h.SetSeed(seed)
	fmt.Fprintf(&h, "%q %q %q %d %q %q %d %q ", stream, l.shard, l.number, l.sub, partitionKey, hashKey, arrived.UnixNano(), reason)
	h.Write(data)
	l.content = h.Sum64()
}

// asJSON is what comes out of JSON that a text was put into: U+FFFD for each byte that is no UTF-8.
func asJSON(text []byte) string { return string([]rune(string(text))) }
