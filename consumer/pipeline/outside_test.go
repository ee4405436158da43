package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/kpl"
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
			shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.DistributesItself = c.distributesItself })
			err := errors.Join(shard.Process(t.Context(), []types.Record{record(110, data)}), shard.Drain(t.Context()))
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
