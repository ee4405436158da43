package pipeline_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

// TestLayoutChangesBetweenTwoRuns lets the first run die behind its tip and before the tip's dead letters; the second
// has another prefix, another format and another errors prefix.
func TestLayoutChangesBetweenTwoRuns(t *testing.T) {
	b := newBench(t)
	for kind := range byte(12) {
		b.stream.put(kind)
	}
	former := b.open(t, func(c *pipeline.Config, _ *warehouse.Config) { c.FlushRecords = 3 })
	b.process(t, former, 8) // the last one is rejected
	b.ends(t)
	links, err := b.links()
	if err != nil {
		t.Fatal(err)
	}
	client, letters := testenv.NewS3Client(b.url), links[len(links)-1].DeadLetters
	if letters == "" {
		t.Fatal("the scenario needs dead letters at the tip")
	}
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.bucketName, Key: &letters}); err != nil {
		t.Fatal(err)
	}

	at := func(prefix string) warehouse.Location {
		return warehouse.Location{Bucket: b.bucketName, Prefix: prefix}
	}
	shard := b.open(t, func(p *pipeline.Config, w *warehouse.Config) {
		p.Metrics = pipeline.NewMetrics(b.metrics)
		w.Location, w.ErrorsPrefix, w.Format = at("s/"), "f/", warehouse.NDJSONGzip
		w.Locations = []warehouse.Location{at("r/"), at("s/")}
	})
	b.process(t, shard, 100)
	if finished, err := shard.Finish(t.Context(), shard.Position()); err != nil || !finished {
		t.Fatalf("finished %t, %v", finished, err)
	}
	report, err := audit.Run(t.Context(), client, audit.Config{
		Links: []warehouse.Location{at("r/"), at("s/")}, DeadLetters: []warehouse.Location{at("e/"), at("f/")},
	})
	if err != nil || !report.OK() || report.Records+report.DeadLetters != len(b.stream.users) {
		t.Errorf("%v; want %d records and dead letters\n%s", err, len(b.stream.users), strings.Join(report.Lines(), "\n"))
	}
	counted, want := 0, links[len(links)-1].Rejected // restored, and of its own links
	for _, n := range b.rejects(t) {
		counted += int(n)
	}
	b.ends(t)
	if links, err = b.links(); err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Prefix == "s/" {
			want += l.Rejected
		}
	}
	if counted != want {
		t.Errorf("%d dead letters counted, want %d", counted, want)
	}
}
