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

// consume measures CPU time and memory of one worker that warehouses everything that lies in 4 shards, ours and stock
// in turn, with the same transformation, format and sizes.
func consume(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, 4)
	if err != nil {
		return err
	}
	if err := r.produce(ctx, stream, cfg.Records); err != nil {
		return err
	}
	t := newTable(fmt.Sprintf("%d call events on 4 shards, --flush-bytes 8MiB", cfg.Records), "CPU", "CPU per 1,000 records", "peak memory", "objects")
	consumers := []struct {
		name  string
		start func(app string) (*program, error)
	}{
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
		endpoints := r.endpoints
		endpoints.Kinesis = proxy.URL
		consumers = append(consumers, struct {
			name  string
			start func(app string) (*program, error)
		}{"Redpanda Connect", func(app string) (*program, error) { return r.redpandaConnect(endpoints, cfg.Redpanda, stream, app) }})
	}
	for range cfg.Runs {
		for _, c := range consumers {
			app := name("app")
			p, err := c.start(app)
			if err != nil {
				return err
			}
			stored := &count{rig: r, prefix: app + "/records/", seen: map[string]bool{}}
			if _, err := await(ctx, p.started, c.name+" has stored everything", func() bool { return stored.look(ctx) >= cfg.Records }); err != nil {
				return fmt.Errorf("%w: %d of %d are stored\n%s", err, stored.records, cfg.Records, p.said())
			}
			peak := p.peak()
			if err := p.Stop(patience); err != nil {
				return err
			}
			cpu := p.cpu()
			t.add(c.name, seconds(cpu), fmt.Sprintf("%.1f ms", cpu.Seconds()*1e6/float64(cfg.Records)), fmt.Sprintf("%d MiB", peak>>20), strconv.Itoa(stored.objects))
		}
	}
	t.print()
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
			c.records, c.objects = c.records+n, c.objects+1
		}
	}
	return c.records
}
