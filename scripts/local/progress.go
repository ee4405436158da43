package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/callevents/shared/testenv/servers"
	"example.com/callevents/shared/testenv/tail"
	"example.com/callevents/shared/wait"
)

// progress counts over all runs with the same data directory: what was put, by the ledger, and what is warehoused, by
// the objects' metadata. Each look reads only what is new.
type progress struct {
	services *servers.Set
	ledger   tail.File
	put      map[string]int // records by shard
	stored   servers.Stored
}

func newProgress(s *servers.Set, ledger string) *progress {
	return &progress{services: s, ledger: tail.File{Path: ledger}, put: make(map[string]int),
		stored: servers.Stored{Client: s.S3, Bucket: bucket, Prefix: prefix + "dt="}}
}

// report prints a line at intervals. It ends with the context, after the duration (0: never), or when the producer or
// the last consumer has ended. The error names the programs that ended by themselves. One of several consumers may end,
// or be killed to see what happens: the others take its shards over.
func (p *progress) report(ctx context.Context, duration time.Duration, producer *program, consumers group) (failed error) {
	if duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	ended := append(group{producer}, consumers...).ended()
	for tick := time.Tick(progressInterval); ; {
		select {
		case <-ctx.Done():
			return failed
		case program := <-ended:
			err := endedByItself(program)
			failed = errors.Join(failed, err)
			say("%v", err)
			if program == producer || !consumers.running() {
				return failed
			}
		case <-tick:
			if line := p.look(ctx); ctx.Err() == nil {
				say("%s", line)
			}
		}
	}
}

func endedByItself(p *program) error {
	how := "exit status 0"
	if err := p.Wait(); err != nil {
		how = err.Error()
	}
	return fmt.Errorf("%s ended by itself: %s", p.name, how)
}

// drain waits until everything that was put is warehoused, for a bounded time and only while there is progress.
func (p *progress) drain(ctx context.Context, consumers group) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	warehoused, since := -1, time.Now()
	for {
		line := p.look(ctx)
		if n := p.warehoused(); n != warehoused {
			warehoused, since = n, time.Now()
			say("%s", line)
		}
		if warehoused >= p.total() || time.Since(since) > drainPatience || !consumers.running() {
			return
		}
		if wait.For(ctx, time.Second) != nil {
			return
		}
	}
}

// look counts what is new and returns it as a line for people.
func (p *progress) look(ctx context.Context) string {
	owners, err := servers.Owners(ctx, p.services.DynamoDB, leaseTable)
	if err == nil {
		err = p.ledger.Lines(p.countPut)
	}
	if err == nil {
		err = p.stored.Update(ctx)
	}
	if err != nil {
		return fmt.Sprintf("no progress known: %v", err)
	}
	return fmt.Sprintf("put %d (%s)  warehoused %d in %d objects  leases %s",
		p.total(), list(p.put, " ", strconv.Itoa), p.warehoused(), p.stored.Objects, leases(owners))
}

var shardID = regexp.MustCompile(`shardId-\d+`)

func (p *progress) countPut(line string) {
	if shard := shardID.FindString(line); shard != "" {
		p.put[shard]++
	}
}

func (p *progress) total() (n int) {
	for _, records := range p.put {
		n += records
	}
	return n
}

func (p *progress) warehoused() int { return p.stored.Records + p.stored.Rejected }

// leases prints which worker holds which shards.
func leases(owners map[string]string) string {
	if len(owners) == 0 {
		return "none yet"
	}
	shards := make(map[string][]string)
	for shard, owner := range owners {
		shards[owner] = append(shards[owner], shortShard(shard))
	}
	return list(shards, "  ", func(held []string) string { return strings.Join(slices.Sorted(slices.Values(held)), ",") })
}

// list prints key:value pairs in the order of their keys.
func list[V any](m map[string]V, between string, print func(V) string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, shortShard(key)+":"+print(m[key]))
	}
	return strings.Join(pairs, between)
}

// shortShard makes "shardId-000000000003" "3".
func shortShard(id string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(id, "shardId-")); err == nil {
		return strconv.Itoa(n)
	}
	return id
}
