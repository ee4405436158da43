package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// contestant is a consumer that is started on the stream under a name of its own.
type contestant struct {
	name  string
	start func(app string) (*program, error)
}

// consume measures CPU time and memory of one worker that warehouses everything that lies in 4 shards, ours and others
// in turn, with the same transformation, format and sizes.
func consume(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, 4)
	if err != nil {
		return err
	}
	if err := r.produce(ctx, stream, cfg.Records); err != nil {
		return err
	}
	contestants := []contestant{
		{"ours", func(app string) (*program, error) {
			return r.start(r.endpoints, "consumer", "--stream", stream, "--app", app, "--bucket", bucket, "--prefix", app+"/records/",
				"--errors-prefix", app+"/errors/", "--flush-interval", "5s")
		}},
		{"stock", func(app string) (*program, error) {
			return r.start(r.endpoints, "stock", "--stream", stream, "--app", app, "--bucket", bucket, "--prefix", app+"/records/",
				"--flush-interval", "5s", "--worker-id", "bench", "--shard-sync", "1s")
		}},
	}
	if cfg.Redpanda != "" {
		proxy, err := byName(r.endpoints.Kinesis)
		if err != nil {
			return err
		}
		defer proxy.Close()
		contestants = append(contestants, contestant{"Redpanda Connect", func(app string) (*program, error) {
			return r.redpandaConnect(proxy.URL, cfg.Redpanda, stream, app)
		}})
	}
	t := newTable(fmt.Sprintf("%d call events on 4 shards, --flush-bytes 8MiB", cfg.Records), "CPU", "CPU per 1,000 records", "peak memory", "objects", "stored", "time")
	for range cfg.Runs {
		for _, c := range contestants {
			if err := r.compete(ctx, c, cfg.Records, t); err != nil {
				return err
			}
		}
	}
	t.print()
	return nil
}

// compete lets a contestant store everything, and adds its row.
func (r *rig) compete(ctx context.Context, c contestant, records int, t *table) error {
	app := name("app")
	p, err := c.start(app)
	if err != nil {
		return err
	}
	stored := &count{rig: r, prefix: app + "/records/", seen: map[string]bool{}}
	took, err := await(ctx, p.started, c.name+" has stored everything", func() bool { return stored.look(ctx) >= records })
	if err != nil {
		return fmt.Errorf("%w: %d of %d are stored\n%s", err, stored.records, records, p.said())
	}
	peak := p.peak()
	if err := p.Stop(patience); err != nil {
		return err
	}
	cpu := p.cpu()
	t.add(c.name, seconds(cpu), fmt.Sprintf("%.1f ms", cpu.Seconds()*1e6/float64(records)), fmt.Sprintf("%d MiB", peak>>20),
		strconv.Itoa(stored.objects), fmt.Sprintf("%.1f MiB", float64(stored.bytes)/(1<<20)), fmt.Sprintf("%.0f s", took.Seconds()))
	return nil
}

// produce fills the stream with our producer.
func (r *rig) produce(ctx context.Context, stream string, records int) error {
	cmd := exec.CommandContext(ctx, r.dir+"/producer", "--stream", stream, "--rate", "max", "--count", strconv.Itoa(records),
		"--shard-records", "0", "--shard-bytes", "0", "--spill", r.dir+"/spill", "--log-level", "warn")
	cmd.Env, cmd.Dir = r.endpoints.Environ(), r.dir
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("producer: %w", err)
	}
	return nil
}

// count sums up the records that the metadata of objects tell, each object once.
type count struct {
	rig              *rig
	prefix           string
	seen             map[string]bool
	records, objects int
	bytes            int64
	next             time.Time
}

// look looks again, twice a second at most, and returns the records.
func (c *count) look(ctx context.Context) int {
	if time.Now().Before(c.next) {
		return c.records
	}
	c.next = time.Now().Add(500 * time.Millisecond)
	pages := s3.NewListObjectsV2Paginator(c.rig.S3, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &c.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c.records
		}
		for _, object := range page.Contents {
			if c.seen[*object.Key] {
				continue
			}
			head, err := c.rig.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: object.Key})
			if err != nil {
				return c.records
			}
			n, _ := strconv.Atoi(head.Metadata["records"])
			c.seen[*object.Key] = true
			c.records, c.objects, c.bytes = c.records+n, c.objects+1, c.bytes+aws.ToInt64(object.Size)
		}
	}
	return c.records
}
