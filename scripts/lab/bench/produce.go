package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/scripts/lab/input"
)

// puts is how many events one run puts. Aggregated events go faster. It takes more of them, or the start of the process
// would count for too much.
const (
	puts           = 25_000
	putsAggregated = 100_000
)

// putter is one of the ways to put events.
type putter struct {
	name, binary string
	events       int
	args         []string
}

// cell is the figures of one putter on one number of shards, a value per run.
type cell struct {
	rates []float64 // events per second
	cpus  []float64 // seconds per million events
}

// produce measures how fast the producer puts events and what CPU time that takes, beside a bare PutRecords loop with as
// many calls in flight. Nothing keeps the limits of the shards. Each figure is of a whole process, from its start to its
// end. The putters take turns, so that other load on the machine meets all alike. The table has the medians.
func produce(ctx context.Context, cfg Config, r *rig) error {
	ours := []string{"--rate", "max", "--shard-records", "0", "--shard-bytes", "0", "--spill", r.dir + "/spill", "--log-level", "warn"}
	if err := input.Write(r.dir+"/input", 1, puts); err != nil {
		return err
	}
	putters := []putter{
		{"bare PutRecords loop", "loop", puts, nil},
		{"producer", "producer", puts, ours},
		{"producer --input", "producer", puts, append(slices.Clone(ours), "--input", r.dir+"/input")},
		{"producer --input --journal", "producer", puts, append(slices.Clone(ours), "--input", r.dir+"/input", "--journal", r.dir+"/journal")},
		{"producer --aggregate", "producer", putsAggregated, append(slices.Clone(ours), "--aggregate")},
	}
	t := newTable("shards", "8 calls in flight", "events/s", "", "CPU per million", "", "runs: events/s, CPU per million")
	for _, shards := range []int{1, 4, 64} {
		cells := make([]cell, len(putters))
		for range cfg.Runs {
			for i, p := range putters {
				if err := r.measure(ctx, p, shards, &cells[i]); err != nil {
					return fmt.Errorf("%s, %d shards: %w", p.name, shards, err)
				}
			}
		}
		bareRate, bareCPU := median(cells[0].rates), median(cells[0].cpus)
		for i, p := range putters {
			rate, cpu := median(cells[i].rates), median(cells[i].cpus)
			t.add(strconv.Itoa(shards), p.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("x %.2f", rate/bareRate),
				fmt.Sprintf("%.1f s", cpu), fmt.Sprintf("x %.2f", cpu/bareCPU), cells[i].String())
		}
	}
	t.print()
	return nil
}

// measure runs a putter on a stream of its own. It removes the stream, which the server keeps in memory, and the journal.
func (r *rig) measure(ctx context.Context, by putter, shards int, into *cell) error {
	stream, err := r.stream(ctx, shards)
	if err != nil {
		return err
	}
	p, err := r.start(r.endpoints, by.binary, append([]string{"--stream", stream, "--count", strconv.Itoa(by.events), "--in-flight", "8"}, by.args...)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-p.Ended():
	case <-ctx.Done():
		p.Kill()
	}
	took := time.Since(p.started)
	if err := errors.Join(p.Wait(), ctx.Err()); err != nil {
		return err
	}
	into.rates = append(into.rates, float64(by.events)/took.Seconds())
	into.cpus = append(into.cpus, p.CPU().Seconds()*1e6/float64(by.events))
	if err := os.RemoveAll(r.dir + "/journal"); err != nil {
		return err
	}
	_, err = r.Kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String(stream)})
	return err
}

func (c cell) String() (text string) {
	for i := range c.rates {
		text += fmt.Sprintf("%.0f %.1f s, ", c.rates[i], c.cpus[i])
	}
	return text[:max(0, len(text)-2)]
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
