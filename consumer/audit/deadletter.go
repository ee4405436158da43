package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
)

// readDeadLetters reads the dead letters that the link of o names.
func (r reader) readDeadLetters(ctx context.Context, o *object) error {
	if o.link.Rejected == 0 {
		return nil
	}
	key := o.link.DeadLetters
	out, err := r.bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.link.Bucket, Key: &key})
	if answer := new(awshttp.ResponseError); errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
		o.fault(DeadLetterFaults, "%d records were rejected, but %s does not exist", o.link.Rejected, key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	defer out.Body.Close()
	body := &transport{Reader: out.Body}
	err = o.addDeadLetters(json.NewDecoder(body), r.seed)
	if body.err != nil {
		return fmt.Errorf("read %s: %w", key, body.err)
	}
	if err != nil {
		o.fault(DeadLetterFaults, "%s: %v", key, err)
	}
	if len(o.deadLetters) != o.link.Rejected {
		o.fault(DeadLetterFaults, "%d records were rejected, %s has %d", o.link.Rejected, key, len(o.deadLetters))
	}
	return nil
}

// addDeadLetters reads dead letters to the end, or to the first that is none.
func (o *object) addDeadLetters(from *json.Decoder, seed maphash.Seed) error {
	for {
		var letter warehouse.DeadLetter
		switch err := from.Decode(&letter); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		n, err := sequence.Parse(letter.SequenceNumber)
		if err != nil || letter.ShardID != o.link.Shard || o.link.First.After(n) || n.After(o.link.Last) {
			o.fault(DeadLetterFaults, "%s has sequence number %q of %q, which is not of this link", o.link.DeadLetters, letter.SequenceNumber, letter.ShardID)
		}
		var call uint64
		if json.Valid(letter.Data) {
			call = callHash(letter.Data, seed)
		}
		o.deadLetters = append(o.deadLetters, call)
	}
}
