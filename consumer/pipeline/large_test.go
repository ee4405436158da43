package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
)

// Records of 10 MiB, the largest that a stream can be set to take: a good one becomes a line, another one a dead letter,
// and each ends its batch, which is larger than 8 MiB. Seen to fail without the limit in bytes.
func TestRecordsOfTenMebibytesAreWarehoused(t *testing.T) {
	const size = 10<<20 - 100
	padding := bytes.Repeat([]byte("x"), size)
	good, bad := fmt.Appendf(nil, `{"user":{"user_id":"1"},"x":"%s"}`, padding), fmt.Appendf(nil, `{"user":{"user_id":"x"},"x":"%s"}`, padding)
	b := newBench(t)
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.FlushBytes = 8 << 20 })
	page := []types.Record{record(110, good), record(120, bad), record(130, good)}
	if err := shard.Process(t.Context(), page, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if ends := fmt.Sprint(b.ends(t)); ends != "[110 120 130]" {
		t.Errorf("links end at %s", ends)
	}
	links, err := b.links()
	if err != nil || len(links) != 4 {
		t.Fatalf("%d links, %v", len(links), err)
	}
	for _, l := range []warehouse.Link{links[1], links[3]} {
		if body := b.bucket.objects[l.Key()].body; len(body) != len(good)+1-len(`""`) {
			t.Errorf("%s has %d bytes of a record of %d", l.Key(), len(body), len(good))
		}
	}
	var letter warehouse.DeadLetter
	if err := json.Unmarshal(b.bucket.objects[links[2].DeadLetters].body, &letter); err != nil || !bytes.Equal(letter.Data, bad) {
		t.Errorf("dead letter of %d bytes of a record of %d, %v", len(letter.Data), len(bad), err)
	}
}
