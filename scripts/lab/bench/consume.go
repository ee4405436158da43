package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"example.com/callevents/shared/testenv/servers"
)

// contestant is a consumer to compare. It is started under an application name of its own.
type contestant struct {
	name   string
	folder string // of the objects with records, below the prefix; ours leaves another one when it starts
	start  func(app string) (*program, error)
}

// consume measures CPU time and memory of one worker that warehouses everything in 4 shards. Ours and others take turns,
// with the same transformation, format and sizes.
func consume(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, 4)
	if err != nil {
		return err
	}
	if err := r.produce(ctx, stream, cfg.Records); err != nil {
		return err
	}
	contestants := []contestant{
		{"ours", "dt=", func(app string) (*program, error) {
			return r.start(r.endpoints, "consumer", "--stream", stream, "--app", app, "--bucket", bucket, "--prefix", app+"/records/",
				"--errors-prefix", app+"/errors/", "--flush-interval", "5s")
		}},
		{"stock", "", func(app string) (*program, error) {
			return r.start(r.endpoints, "stock", "--stream", stream, "--app", app, "--bucket", bucket, "--prefix", app+"/records/",
				"--flush-interval", "5s", "--worker-id", "bench", "--sync-interval", "1s")
		}},
	}
	if cfg.Redpanda != "" {
		proxy, err := byName(r.endpoints.Kinesis)
		if err != nil {
			return err
		}
		defer proxy.Close()
		contestants = append(contestants, contestant{"Redpanda Connect", "", func(app string) (*program, error) {
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
	stored := servers.Stored{Client: r.S3, Bucket: bucket, Prefix: app + "/records/" + c.folder}
	took, err := await(ctx, p.started, 500*time.Millisecond, c.name+" has stored everything", func() bool {
		_ = stored.Update(ctx) // until the end of ctx
		return stored.Records >= records
	})
	if err != nil {
		return fmt.Errorf("%w: %d of %d are stored\n%s", err, stored.Records, records, p.said())
	}
	peak := p.peak()
	if err := p.Stop(patience); err != nil {
		return err
	}
	cpu := p.CPU()
	t.add(c.name, seconds(cpu), fmt.Sprintf("%.1f ms", cpu.Seconds()*1e6/float64(records)), fmt.Sprintf("%d MiB", peak>>20),
		strconv.Itoa(stored.Objects), fmt.Sprintf("%.1f MiB", float64(stored.Bytes)/(1<<20)), fmt.Sprintf("%.0f s", took.Seconds()))
	return nil
}

// produce fills the stream with our producer.
func (r *rig) produce(ctx context.Context, stream string, records int) error {
	p, err := r.start(r.endpoints, "producer", "--stream", stream, "--rate", "max", "--count", strconv.Itoa(records),
		"--shard-records", "0", "--shard-bytes", "0", "--spill", r.dir+"/spill", "--log-level", "warn")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, p.Kill)()
	if err := p.Wait(); err != nil {
		return fmt.Errorf("producer: %w\n%s", err, p.said())
	}
	return nil
}
