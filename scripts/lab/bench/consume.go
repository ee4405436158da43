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
	stores bool
}

// shardQuota is what Kinesis gives of a shard in a second (Kinesis quotas).
const shardQuota = 2e6

// consumeShards is how many shards the events lie in.
const consumeShards = 4

// consume measures how fast one worker warehouses everything in 4 shards, and its CPU time and memory. Ours and others
// take turns, with the same transformation, format and sizes. A loop that does nothing but GetRecords shows what the
// server gives.
func consume(ctx context.Context, cfg Config, r *rig) error {
	stream, err := r.stream(ctx, consumeShards)
	if err != nil {
		return err
	}
	if err := r.produce(ctx, stream, cfg.Records); err != nil {
		return err
	}
	contestants := []contestant{
		r.ours("ours, --shard-read-bytes 0", stream, "--shard-read-bytes", "0"),
		r.ours("ours, default", stream),
		{"stock", "", func(app string) (*program, error) {
			return r.start(r.endpoints, "stock", "--stream", stream, "--app", app, "--bucket", bucket, "--prefix", app+"/records/",
				"--flush-interval", "5s", "--worker-id", "bench", "--sync-interval", "1s")
		}, true},
		{"bare GetRecords loop", "", func(string) (*program, error) {
			return r.start(r.endpoints, "loop", "--read", "--stream", stream, "--count", strconv.Itoa(cfg.Records))
		}, false},
	}
	if cfg.Redpanda != "" {
		proxy, err := byName(r.endpoints.Kinesis)
		if err != nil {
			return err
		}
		defer proxy.Close()
		contestants = append(contestants, contestant{"Redpanda Connect", "", func(app string) (*program, error) {
			return r.redpandaConnect(proxy.URL, cfg.Redpanda, stream, app)
		}, true})
	}
	return r.competition(ctx, cfg, contestants)
}

// ours is our consumer.
func (r *rig) ours(name, stream string, args ...string) contestant {
	return contestant{name, "dt=", func(app string) (*program, error) {
		return r.consumer(r.endpoints, stream, app, append(args, "--flush-interval", "5s")...)
	}, true}
}

// competition lets the contestants take turns and prints their medians, and all their runs.
func (r *rig) competition(ctx context.Context, cfg Config, contestants []contestant) error {
	results := make([]results, len(contestants))
	for range cfg.Runs {
		for i, c := range contestants {
			if err := r.compete(ctx, c, cfg.Records, &results[i]); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	t := newTable(fmt.Sprintf("%d call events on %d shards", cfg.Records, consumeShards), "events/s", "of the quota", "CPU per million",
		"peak memory", "objects", "stored", "runs: events/s, CPU per million")
	for i, c := range contestants {
		t.add(append([]string{c.name}, results[i].cells()...)...)
	}
	t.print()
	return nil
}

// results are those of one contestant, a value per run.
type results struct {
	cell
	shares  []float64 // of the quota, while it read
	peaks   []float64 // bytes
	objects []float64
	stored  []float64 // bytes
}

func (r results) cells() []string {
	share, objects, stored := "-", "-", "-"
	if len(r.shares) > 0 {
		share = fmt.Sprintf("%.1f %%", 100*median(r.shares))
	}
	if len(r.objects) > 0 {
		objects, stored = fmt.Sprintf("%.0f", median(r.objects)), fmt.Sprintf("%.1f MiB", median(r.stored)/(1<<20))
	}
	return []string{fmt.Sprintf("%.0f", median(r.rates)), share, fmt.Sprintf("%.1f s", median(r.cpus)),
		fmt.Sprintf("%.0f MiB", median(r.peaks)/(1<<20)), objects, stored, r.String()}
}

// compete lets a contestant store everything, or read everything if it stores nothing, and adds what came of it.
func (r *rig) compete(ctx context.Context, c contestant, records int, into *results) error {
	app := name("app")
	p, err := c.start(app)
	if err != nil {
		return err
	}
	stored := servers.Stored{Client: r.S3, Bucket: bucket, Prefix: app + "/records/" + c.folder}
	var peak int64
	var read samples
	took, err := await(ctx, p.started, 200*time.Millisecond, "everything is consumed", func() bool {
		peak = max(peak, p.peak())
		read.take(p)
		if !c.stores {
			return !p.Running()
		}
		_ = stored.Update(ctx) // until the end of ctx
		return stored.Records >= records
	})
	if err != nil {
		return fmt.Errorf("%w: %d of %d are stored\n%s", err, stored.Records, records, p.said())
	}
	if err := p.Stop(patience); err != nil { // it may have ended by itself
		return fmt.Errorf("%w\n%s", err, p.said())
	}
	into.rates = append(into.rates, float64(records)/took.Seconds())
	into.cpus = append(into.cpus, p.CPU().Seconds()*1e6/float64(records))
	into.peaks = append(into.peaks, float64(peak))
	if c.stores {
		into.objects, into.stored = append(into.objects, float64(stored.Objects)), append(into.stored, float64(stored.Bytes))
	}
	if rate := read.rate(); rate > 0 {
		into.shares = append(into.shares, rate/(consumeShards*shardQuota))
	}
	return nil
}

// samples are what a consumer had read at some times while it read.
type samples []struct {
	at    time.Time
	bytes float64
}

// take asks a consumer that has metrics, every two seconds: the answers cost CPU, too.
func (s *samples) take(p *program) {
	if p.http == "" || time.Since(p.started) < 2*time.Second*time.Duration(1+len(*s)) {
		return
	}
	*s = append(*s, struct {
		at    time.Time
		bytes float64
	}{time.Now(), p.counter("callevents_kinesis_bytes_read_total")})
}

// rate is in bytes a second from the first sample on, which comes after the start, to the last one before the end; 0 if
// there are too few.
func (s samples) rate() float64 {
	for n := len(s) - 1; n > 1; n-- {
		if s[n].bytes > s[n-1].bytes { // s[n] may have been taken after the end
			return (s[n-1].bytes - s[0].bytes) / s[n-1].at.Sub(s[0].at).Seconds()
		}
	}
	return 0
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
