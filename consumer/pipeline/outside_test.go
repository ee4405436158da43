package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/testenv"
)

// A container that came to another shard than its own: ten events of the upper half, read from the lower one. Seen to
// fail with 0 lines and 0 dead letters, on both kinds of stream.
func TestUserRecordsOutsideTheirShardAreKept(t *testing.T) {
	const users = 10
	container := kpl.NewAggregator(1 << 20)
	for i := range users {
		container.Add(fmt.Sprint("key ", i), foreignKey, fmt.Appendf(nil, `{"user":{"user_id":"%d"}}`, i))
	}
	data := container.Flush(nil)
	for name, c := range map[string]struct {
		distributesItself bool
		lines, rejected   int
	}{
		"the producer chooses the shard":   {false, 0, users},
		"the stream distributes by itself": {true, users, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) {
				p.DistributesItself = func() bool { return c.distributesItself }
			})
			err := errors.Join(shard.Process(t.Context(), []types.Record{record(110, data)}, time.Time{}), shard.Drain(t.Context()))
			b.ends(t)
			links, listErr := b.links()
			if err := errors.Join(err, listErr); err != nil || len(links) != 2 || links[1].Records != c.lines || links[1].Rejected != c.rejected {
				t.Fatalf("%+v, %v; want %d lines and %d dead letters", links, err, c.lines, c.rejected)
			}
			n := 0
			for line := range bytes.Lines(b.bucket.objects[links[1].DeadLetters].body) {
				var letter warehouse.DeadLetter
				if err := json.Unmarshal(line, &letter); err != nil {
					t.Fatal(err)
				}
				// A redrive puts it under these keys, so it comes to its own shard.
				if letter.Reason != transform.OutsideShard || letter.PartitionKey != fmt.Sprint("key ", n) || letter.ExplicitHashKey != foreignKey.String() ||
					string(letter.Data) != fmt.Sprintf(`{"user":{"user_id":"%d"}}`, n) || letter.SubSequence != n {
					t.Errorf("dead letter %d: %+v", n, letter)
				}
				n++
			}
			if n != c.rejected {
				t.Errorf("%d dead letters, want %d", n, c.rejected)
			}
		})
	}
}

// judged is a bench with one container: a good record, one outside its shard, and a bad one. A pipeline that began while the
// stream distributed records itself, or not, has read it.
func judged(t *testing.T, itself bool) (*bench, *pipeline.Pipeline) {
	t.Helper()
	b := newBench(t)
	b.stream.put(3)
	container := kpl.NewAggregator(1 << 20)
	for i, key := range []hashkey.Key{{}, foreignKey, {}} {
		data := fmt.Sprintf(`{"user":{"user_id":"%d"}}`, i+1)
		if i == 2 {
			data = `{"user":{"user_id":"x3"}}`
		}
		container.Add("p", key, []byte(data))
	}
	b.stream.records[0].Data = container.Flush(nil)
	for i, rejected := range []bool{false, !itself, true} {
		b.stream.users[i].rejected = rejected
	}
	return b, b.reader(t, itself)
}

// reader is a pipeline that has read what the stream has, and committed nothing yet.
func (b *bench) reader(t *testing.T, itself bool) *pipeline.Pipeline {
	t.Helper()
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) {
		p.DistributesItself = func() bool { return itself }
	})
	b.process(t, shard, 1)
	return shard
}

// loseDeadLetters deletes those of the newest link.
func (b *bench) loseDeadLetters(t *testing.T) {
	t.Helper()
	b.ends(t)
	links, err := b.links()
	if err != nil {
		t.Fatal(err)
	}
	in := &s3.DeleteObjectInput{Bucket: &b.bucketName, Key: &links[len(links)-1].DeadLetters}
	if _, err := testenv.NewS3Client(b.url).DeleteObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// The record distribution is changed between a link and its dead letters, and the writer dies there. Seen to fail when the
// next owner judged as it found the stream: a record outside its shard was in neither, or in both.
func TestDeadLettersAreRestoredAsTheLinkWasJudged(t *testing.T) {
	for _, itself := range []bool{true, false} {
		b, former := judged(t, itself)
		if err := former.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.loseDeadLetters(t)
		b.reader(t, !itself)
		b.ends(t)
		if err := b.check(); err != nil {
			t.Errorf("distributed by itself: %t, then %t: %v", itself, !itself, err)
		}
	}
}

// Two writers end at the same record, and judged it before and after a change. The dead letters of the second would be
// those of another link. Seen to fail: a record was a line of the first and a dead letter of the second, or neither.
func TestALinkThatWasJudgedOtherwiseIsAdopted(t *testing.T) {
	for _, itself := range []bool{true, false} {
		b, first := judged(t, itself)
		second := b.reader(t, !itself)
		if err := first.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.loseDeadLetters(t) // the first dies before it stores them
		if err := second.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.process(t, second, 1) // reads the range again
		b.ends(t)
		if err := b.check(); err != nil {
			t.Errorf("the first with %t: %v", itself, err)
		}
	}
}
