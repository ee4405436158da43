package pipeline_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

// oldLinks is how long the chain is that somebody else made.
const oldLinks = 60

// intervals returns how many flush intervals pass until the newest record is in a link.
func (b *bench) intervals(t *testing.T, shard *pipeline.Pipeline) (n int) {
	t.Helper()
	want := b.stream.numbers[len(b.stream.numbers)-1].String()
	for n < 2*oldLinks && !slices.Contains(b.ends(t), want) {
		b.process(t, shard, 1) // a batch ends with its first record, as if it had got old
		n++
	}
	b.ends(t)
	if err := b.check(); err != nil {
		t.Error(err)
	}
	return n
}

func oneByOne(p *pipeline.Config, _ *warehouse.Config) { p.FlushRecords = 1 }

// A shard was idle for longer than retention, others were not, and the lease table was lost. Seen to take 61 flush
// intervals: its links are on no day that is searched, and were adopted one by one. At 60 s and some more links the
// record is older than its retention before it is stored.
func TestAShardThatWasIdleForLongGoesOnAtOnce(t *testing.T) {
	b := newBench(t)
	former := b.open(t, oneByOne)
	for range oldLinks {
		b.stream.put(0)
	}
	b.process(t, former, oldLinks)
	b.stream.nextDay(100)
	b.stream.put(0)
	others := func(request func(key string) error) { // links of another shard, on newer days
		for i := range 10 {
			day := warehouse.Day(b.stream.arrival().AddDate(0, 0, -i))
			if err := request(warehouse.Place{Shard: "shardId-000000000001", Previous: "1", Day: day}.Key("r/", warehouse.NDJSON)); err != nil {
				t.Fatal(err)
			}
		}
	}
	client := testenv.NewS3Client(b.url)
	others(func(key string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.bucketName, Key: &key})
		return err
	})
	shard := b.open(t, oneByOne)
	others(func(key string) error { // the check wants links only
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.bucketName, Key: &key})
		return err
	})
	if want := b.stream.numbers[oldLinks-1]; shard.Position() != want {
		t.Errorf("opened after %s, the tip is %s", shard.Position(), want)
	}
	if n := b.intervals(t, shard); n != 1 {
		t.Errorf("%d flush intervals, want 1", n)
	}
}

// A worker that was paused meets the first of many links that its successor has made. Seen to take 61 flush intervals.
func TestAWholeChainIsAdoptedAtOnce(t *testing.T) {
	b := newBench(t)
	for range oldLinks {
		b.stream.put(0)
	}
	paused := b.open(t, oneByOne)
	successor := b.open(t, func(p *pipeline.Config, w *warehouse.Config) { p.FlushRecords, w.Writer = 1, "successor" })
	for range oldLinks {
		b.process(t, successor, 1)
	}
	b.stream.put(0)
	// One to meet the first link, another to store the record behind the last.
	if n := b.intervals(t, paused); n != 2 {
		t.Errorf("%d flush intervals, want 2", n)
	}
}
