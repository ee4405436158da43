package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// A user record without data takes 8 bytes in a container and some 300 as a dead letter. One record of the stream must
// not become hundreds of megabytes that no request can carry: its shard would stand still for ever.
func TestDeadLettersOfOneRecordAreBounded(t *testing.T) {
	const users = 150_000
	good, bad := kpl.NewAggregator(10<<20), kpl.NewAggregator(10<<20)
	for i := range users {
		good.Add("p", hashkey.Key{}, fmt.Appendf(nil, `{"user":{"user_id":"%d"}}`, i))
		bad.Add("p", hashkey.Key{}, nil)
	}
	b := newBench(t)
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 1 })
	whole := bad.Flush(nil)
	for i, data := range [][]byte{good.Flush(nil), whole} {
		err := shard.Process(t.Context(), []types.Record{{
			Data: data, PartitionKey: aws.String("p"), SequenceNumber: aws.String(strconv.Itoa(110 + 10*i)),
			ApproximateArrivalTimestamp: aws.Time(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.ends(t)
	links, err := b.links()
	if err != nil || len(links) != 3 || links[1].Records != users || links[1].Rejected != 0 || links[2].Rejected != 1 {
		t.Fatalf("%+v, %v", links, err)
	}
	var letter warehouse.DeadLetter
	if err := json.Unmarshal(b.bucket.objects[links[2].DeadLetters].body, &letter); err != nil {
		t.Fatal(err)
	}
	if letter.Reason != transform.ContainerOverflow || !bytes.Equal(letter.Data, whole) {
		t.Errorf("%s with %d bytes, want the container", letter.Reason, len(letter.Data))
	}
}
