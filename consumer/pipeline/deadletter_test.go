package pipeline_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"errors"
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

// Whatever is wrong with a container, what cannot be warehoused of it is a dead letter, and the records around it are
// not touched.
func TestEveryMalformedContainerEndsInTheDeadLetters(t *testing.T) {
	contain := func(message string) string {
		digest := md5.Sum([]byte(message))
		return "\xf3\x89\x9a\xc2" + message + string(digest[:])
	}
	pack := func(key hashkey.Key, data string) string {
		a := kpl.NewAggregator(1 << 20)
		a.Add("p", key, []byte(data))
		return string(a.Flush(nil))
	}
	const good = `{"user":{"user_id":"7"}}`
	whole := pack(hashkey.Key{}, good)
	records := []struct{ data, reason, rejected string }{
		{whole, "", ""},
		{contain("hello"), "container_bad_protobuf", contain("hello")},
		{contain("\x0a\x01p\x1a\x02\x08\x00"), "container_bad_protobuf", contain("\x0a\x01p\x1a\x02\x08\x00")}, // no data
		{contain("\x0a\x01p\x1a\x05\x1a\x03one"), "no_partition_key", "one"},                                   // no index
		{contain("\x0a\x01p\x1a\x07\x08\x05\x1a\x03one"), "no_partition_key", "one"},                           // one beyond the table
		{contain("\x0a\x01p\x12\x01x\x1a\x09\x08\x00\x10\x00\x1a\x03one"), "bad_hash_key", "one"},
		{contain("\x0a\x01p\x12\x010\x1a\x09\x08\x00\x10\x03\x1a\x03one"), "bad_hash_key", "one"},
		{contain(""), "container_empty", contain("")},
		{contain("\x0a\x01p"), "container_empty", contain("\x0a\x01p")},
		{whole[:len(whole)-1], "not_json", whole[:len(whole)-1]}, // truncated: no container, as for the KCL
		{whole[:len(whole)/2], "not_json", whole[:len(whole)/2]},
		{pack(hashkey.Key{}, whole), "container_nested", whole},
		{pack(hashkey.Key{}, "one"), "not_json", "one"},
		{pack(foreignKey, good), "outside_shard", good}, // was in no dead letter
		{good, "", ""},
	}
	b := newBench(t)
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.Metrics = pipeline.NewMetrics(b.metrics) })
	var page []types.Record
	want, counts := "", map[string]float64{}
	for i, r := range records {
		page = append(page, record(110+10*i, []byte(r.data)))
		if r.reason != "" {
			want += fmt.Sprintf("%d %s %q\n", 110+10*i, r.reason, r.rejected)
			counts[r.reason]++
		}
	}
	if err := errors.Join(shard.Process(t.Context(), page, time.Time{}), shard.Drain(t.Context())); err != nil {
		t.Fatal(err)
	}
	b.ends(t)
	links, err := b.links()
	if err != nil || len(links) != 2 || links[1].Records != 2 {
		t.Fatalf("%+v, %v", links, err)
	}
	got := ""
	for line := range bytes.Lines(b.bucket.objects[links[1].DeadLetters].body) {
		var letter warehouse.DeadLetter
		if err := json.Unmarshal(line, &letter); err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprintf("%s %s %q\n", letter.SequenceNumber, letter.Reason, letter.Data)
	}
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for reason, n := range b.rejects(t) {
		if n != counts[reason] {
			t.Errorf("%s counted %v times, want %v", reason, n, counts[reason])
		}
	}
}

// rejects returns the metric of dead letters, by reason.
func (b *bench) rejects(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "callevents_records_rejected_total" {
			for _, m := range f.Metric {
				counts[m.Label[0].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	if len(counts) != len(transform.Reasons()) {
		t.Errorf("%d reasons are counted, there are %d", len(counts), len(transform.Reasons()))
	}
	return counts
}

func record(at int, data []byte) types.Record {
	return types.Record{
		Data: data, PartitionKey: aws.String("p"), SequenceNumber: aws.String(strconv.Itoa(at)),
		ApproximateArrivalTimestamp: aws.Time(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
	}
}

// A user record without data takes 8 bytes in a container and some 300 as a dead letter. One record of the stream must
// not become hundreds of megabytes that no request can carry: its shard would stand still for ever.
func TestDeadLettersOfOneRecordAreBounded(t *testing.T) {
	const users = 150_000
	good, bad, outside := kpl.NewAggregator(10<<20), kpl.NewAggregator(10<<20), kpl.NewAggregator(10<<20)
	for i := range users {
		good.Add("p", hashkey.Key{}, fmt.Appendf(nil, `{"user":{"user_id":"%d"}}`, i))
		bad.Add("p", hashkey.Key{}, nil)
		outside.Add("p", foreignKey, fmt.Appendf(nil, `{"user":{"user_id":"%d"}}`, i))
	}
	b := newBench(t)
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 1 })
	containers := [][]byte{good.Flush(nil), bad.Flush(nil), outside.Flush(nil)}
	for i, data := range containers {
		if err := shard.Process(t.Context(), []types.Record{record(110+10*i, data)}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	b.ends(t)
	links, err := b.links()
	if err != nil || len(links) != 4 || links[1].Records != users || links[1].Rejected != 0 || links[2].Rejected != 1 || links[3].Rejected != 1 {
		t.Fatalf("%+v, %v", links, err)
	}
	for i, whole := range containers[1:] {
		var letter warehouse.DeadLetter
		if err := json.Unmarshal(b.bucket.objects[links[2+i].DeadLetters].body, &letter); err != nil {
			t.Fatal(err)
		}
		if letter.Reason != transform.ContainerOverflow || !bytes.Equal(letter.Data, whole) {
			t.Errorf("%s with %d bytes, want the container", letter.Reason, len(letter.Data))
		}
	}
}
