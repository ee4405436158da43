package pipeline_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

func usual(*pipeline.Config, *warehouse.Config) {}

// commit has the shard read n records and commit them.
func (b *bench) commit(t *testing.T, shard *pipeline.Pipeline, n int) {
	t.Helper()
	b.process(t, shard, n)
	if err := shard.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// tip returns the newest link with its contents.
func (b *bench) tip(t *testing.T) (warehouse.Link, contents) {
	t.Helper()
	b.ends(t)
	links, err := b.links()
	if err != nil {
		t.Fatal(err)
	}
	link := links[len(links)-1]
	c, err := b.contents(link)
	if err != nil {
		t.Fatal(err)
	}
	return link, c
}

// What becomes of copies, and what is told of it.
func TestCopiesAreDroppedOrSuspected(t *testing.T) {
	b := newBench(t)
	s := &b.stream
	first := s.accept(lanes[0], 4, 0b1000) // the last one is bad
	all := s.following(first, 4)
	s.send(all, false)
	s.send(all[1:], true)  // a container that is packed otherwise
	s.send(all[:1], false) // applied late
	s.send(all[3:], true)
	b.stream.append("~1.9.3w5e11264sgsf.5", s.user(false, 0)) // not of this shard
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.Metrics = pipeline.NewMetrics(b.metrics) })
	b.commit(t, shard, 100)
	link, c := b.tip(t)
	if link.Records != 4 || link.Rejected != 2 || link.Copies != 4 || len(c.suspected) != 1 || link.Before == (warehouse.Name{}) {
		t.Errorf("%+v, %+v", link, c)
	}
	if err := b.check(); err != nil {
		t.Error(err)
	}
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"callevents_copies_dropped_total": 4, "callevents_identities_elsewhere_total": 1, "callevents_lanes_forgotten_total": 0,
		"callevents_records_in_total": 10}
	for _, f := range families {
		if value, ok := want[f.GetName()]; ok && f.Metric[0].GetCounter().GetValue() != value {
			t.Errorf("%s is %v, want %v", f.GetName(), f.Metric[0].GetCounter().GetValue(), value)
		}
	}
}

// A key is an identity only if it is exactly of our form. All else passes as before, also a lane for each record: none is lost,
// and the link is not refused for the size of its metadata.
func TestHostileKeysLoseNothing(t *testing.T) {
	b := newBench(t)
	for n := range 3000 {
		id := identity.ID{Lane: identity.Lane{Run: uint64(n), Word: uint64(n)}, Number: 1 << 60}
		b.stream.append(id.Key(n%2 == 0), b.stream.user(false, 0))
	}
	for _, key := range []string{"", "~1.", "~1.1.1.0", "~1.1.1.1.R", "~2.1.1.1", strings.Repeat("~", 256)} {
		b.stream.append(key, b.stream.user(false, 0))
		b.stream.append(key, b.stream.user(false, 0))
	}
	shard := b.open(t, func(p *pipeline.Config, _ *warehouse.Config) { p.Metrics = pipeline.NewMetrics(b.metrics) })
	b.commit(t, shard, 4000)
	link, _ := b.tip(t)
	if link.Records != 3012 || link.Copies != 0 || len(link.Memory) < 1000 {
		t.Errorf("%+v", link)
	}
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

// The link that the other writer made has two dead letters: one for each copy. Seen to fail with one of them.
func TestALinkOfAnOlderVersionIsRepairedAsItWasJudged(t *testing.T) {
	b := newBench(t)
	bad := b.stream.accept(lanes[0], 1, 1)
	b.stream.send([]int{bad}, false)
	b.stream.send([]int{bad}, true)
	old := warehouse.NewStore(warehouse.Config{Application: "app", Stream: "stream", Writer: "old", Location: warehouse.Location{Bucket: b.bucketName, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSON, Retention: 24 * time.Hour}, testenv.NewS3Client(b.url), warehouseMetrics, quietLog)
	batch, day := old.NewBatch(), warehouse.Day(b.stream.arrival())
	place := warehouse.Place{Shard: shardID, Previous: startNumber.Before(), Day: warehouse.FirstDay}
	for _, numbers := range [][]sequence.Number{nil, b.stream.numbers} {
		batch.Begin(place)
		batch.ByIdentity = false
		for _, n := range numbers {
			batch.Append(n)
			if err := batch.AddDeadLetter(warehouse.DeadLetter{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Seal(day); err != nil {
			t.Fatal(err)
		}
		if outcome, err := old.Create(t.Context(), time.Now().Add(time.Hour), batch); outcome != warehouse.Done {
			t.Fatal(outcome, err)
		}
		place = old.Link(batch).Next()
	}
	shard := b.open(t, usual)
	b.process(t, shard, 100)
	if link, c := b.tip(t); link.ByIdentity || len(c.rejects) != 2 || len(c.suspected) != 0 {
		t.Errorf("%+v, %+v", link, c)
	}
	b.stream.send([]int{bad}, true) // what an older version stored is not known: the copy is stored once more, and never again
	b.stream.send([]int{bad}, true)
	b.commit(t, shard, 100)
	if link, c := b.tip(t); !link.ByIdentity || len(c.rejects) != 1 || link.Copies != 1 {
		t.Errorf("%+v, %+v", link, c)
	}
}

// Two writers are behind one place. One drops a copy; the other could not read the memory, has a dead letter for the copy, and dies
// before that is stored. Seen to fail when the other's link counts as the own one: the dead letters were stored empty.
func TestAnEqualRangeThatWasJudgedOtherwiseIsAdopted(t *testing.T) {
	b := newBench(t)
	bad := b.stream.accept(lanes[0], 1, 1)
	b.stream.send([]int{bad}, false)
	b.commit(t, b.open(t, usual), 1)
	b.stream.send([]int{bad}, true)
	knows := b.open(t, usual)
	doesNot := b.counting(&counted{Client: testenv.NewS3Client(b.url), head: httpError(http.StatusForbidden)})
	if err := doesNot.Open(t.Context(), "110", warehouse.Day(b.stream.arrival())); err != nil {
		t.Fatal(err)
	}
	b.process(t, knows, 1)
	b.commit(t, doesNot, 1)
	b.loseDeadLetters(t)
	b.commit(t, knows, 1)
	b.process(t, knows, 1)
	if link, c := b.tip(t); link.Rejected != 1 || len(c.rejects) != 1 {
		t.Errorf("%+v, %+v", link, c)
	}
}

// A container that became one dead letter as a whole is settled as a whole.
func TestAContainerThatOverflowedIsSettledAsAWhole(t *testing.T) {
	const users = 90_000
	container := kpl.NewAggregator(10 << 20)
	for range users {
		container.Add("p", lanes[0].HashKey(), []byte("x"))
	}
	data := container.Flush(nil)
	b := newBench(t)
	shard := b.open(t, usual)
	id := identity.ID{Lane: lanes[0], Number: 1}
	page := []types.Record{record(110, data), record(120, data)}
	page[0].PartitionKey, page[1].PartitionKey = aws.String(id.Key(false)), aws.String(id.Key(true))
	if err := errors.Join(shard.Process(t.Context(), page, time.Time{}), shard.Drain(t.Context())); err != nil {
		t.Fatal(err)
	}
	b.ends(t)
	links, err := b.links()
	if err != nil {
		t.Fatal(err)
	}
	if link := links[len(links)-1]; link.Rejected != 1 || link.Copies != users || !strings.Contains(string(b.bucket.objects[link.DeadLetters].body), string(transform.ContainerOverflow)) {
		t.Errorf("%+v", link)
	}
}

// counted counts the requests of a shard's client.
type counted struct {
	warehouse.Client
	requests []string
	head     error // instead of any metadata
}

// counting returns a shard of a client.
func (b *bench) counting(client *counted) *pipeline.Pipeline {
	store := warehouse.NewStore(warehouse.Config{Application: "app", Stream: "stream", Writer: "w", Location: warehouse.Location{Bucket: b.bucketName, Prefix: "r/"},
		ErrorsPrefix: "e/", Format: warehouse.NDJSON, Retention: 24 * time.Hour}, client, warehouseMetrics, quietLog)
	cfg := pipeline.Config{Stream: "stream", FlushInterval: time.Hour, FlushRecords: 10, Log: quietLog, Store: store, Metrics: pipelineMetrics}
	return pipeline.New(cfg, pipeline.Shard{ID: shardID, StartingSequenceNumber: startNumber, HashKeys: ownKeys}, b.lease, stall.NewTracker(stall.After))
}

// In the usual case a link takes one request, as before there were memories, and the opening of a shard three: the days, the newest
// link and its metadata.
func TestTheMemoryCostsNoRequestPerObject(t *testing.T) {
	b := newBench(t)
	client := &counted{Client: testenv.NewS3Client(b.url)}
	shard := b.counting(client)
	if err := shard.Open(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	client.requests = nil
	for range 100 {
		b.stream.send([]int{b.stream.accept(lanes[0], 1, 0)}, false)
	}
	b.process(t, shard, 100)
	if n := len(client.requests); n != 11 { // with the first link, which has no records
		t.Errorf("%d requests for 10 links: %v", n, client.requests)
	}
	client.requests = nil
	if err := shard.Open(t.Context(), shard.Position(), warehouse.Day(b.stream.arrival())); err != nil {
		t.Fatal(err)
	}
	if n := len(client.requests); n != 3 {
		t.Errorf("%d requests to open a shard: %v", n, client.requests)
	}
}

func (c *counted) PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	c.requests = append(c.requests, "PUT "+*in.Key)
	return c.Client.PutObject(ctx, in, opts...)
}

func (c *counted) HeadObject(ctx context.Context, in *s3.HeadObjectInput, opts ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	c.requests = append(c.requests, "HEAD "+*in.Key)
	if c.head != nil {
		return nil, c.head
	}
	return c.Client.HeadObject(ctx, in, opts...)
}

func (c *counted) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	c.requests = append(c.requests, "LIST "+*in.Prefix)
	return c.Client.ListObjectsV2(ctx, in, opts...)
}
