package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv/tail"
	"example.com/callevents/shared/wait"
)

// watch follows how far each shard is put and warehoused. From that it measures recoveries and finds stalls.
type watch struct {
	services *services
	stock    bool
	// recovered is called with every measurement.
	recovered func(measurement)
	ledger    tail.File         // only run uses it
	newest    map[string]string // the name of each shard's newest object; only run uses it

	mu         sync.Mutex
	shards     map[string]*shard
	recoveries map[*recovery]bool // that are not over
	measured   []measurement
}

// shard is what is known of a shard.
type shard struct {
	put, warehoused sequence.Number // the newest record there and there
	progress        time.Time       // when it was last seen to make progress, or to have nothing to do
	closed          bool
	generation      int // how many generations of shards came before it
	parents         []string
}

// behind reports that a record was put that is not warehoused.
func (s *shard) behind() bool { return s.put.After(s.warehoused) }

// shardID is the beginning of the names of a shard's objects.
var shardID = regexp.MustCompile(`^shardId-\d{12}`)

func newWatch(s *services, ledger string, stock bool, recovered func(measurement)) *watch {
	return &watch{services: s, ledger: tail.File{Path: ledger}, stock: stock, recovered: recovered, newest: map[string]string{},
		shards: map[string]*shard{}, recoveries: map[*recovery]bool{}}
}

// run looks until ctx ends. While a server is down, a look fails and changes nothing.
func (w *watch) run(ctx context.Context) {
	for wait.For(ctx, 250*time.Millisecond) == nil {
		w.look(ctx)
	}
}

func (w *watch) look(ctx context.Context) {
	_ = w.ledger.Lines(w.readLedger)
	if err := w.readObjects(ctx); err != nil {
		return
	}
	if list, err := w.services.shards(ctx); err == nil {
		w.readShards(list)
	}
	w.endRecoveries()
}

// shard returns what is known of a shard. The caller holds the lock.
func (w *watch) shard(id string) *shard {
	if w.shards[id] == nil {
		w.shards[id] = &shard{}
	}
	return w.shards[id]
}

// readLedger notes the record of a line.
func (w *watch) readLedger(line string) {
	fields := strings.Split(line, ",")
	if len(fields) < 3 {
		return
	}
	at, err := sequence.Parse(fields[2])
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.shard(fields[1])
	if !s.behind() { // until now there was nothing to do
		s.progress = time.Now()
	}
	if at.After(s.put) {
		s.put = at
	}
}

// readShards notes the family of the shards. A parent is listed before its children.
func (w *watch) readShards(list []types.Shard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, listed := range list {
		s := w.shard(*listed.ShardId)
		s.closed, s.parents = !open(listed), nil
		for _, parent := range []*string{listed.ParentShardId, listed.AdjacentParentShardId} {
			if parent != nil {
				s.generation = max(s.generation, w.shard(*parent).generation+1)
				s.parents = append(s.parents, *parent)
			}
		}
	}
}

// readObjects finds the newest object of every shard by its name, in the directory of the S3 server, which costs the
// server nothing. Which record is the last in it, its metadata says.
func (w *watch) readObjects(ctx context.Context) error {
	days, err := filepath.Glob(filepath.Join(w.services.objects(), "dt=*"))
	if err != nil {
		return err
	}
	changed := map[string]bool{}
	for _, day := range days {
		files, err := os.ReadDir(day)
		if err != nil {
			return err
		}
		for _, file := range files {
			shard := shardID.FindString(file.Name())
			if shard == "" {
				continue
			}
			if w.stock { // its objects overlap, so the newest need not be the one that goes furthest
				w.warehoused(shard, stockLast(file.Name()))
			}
			if name := filepath.Base(day) + "/" + file.Name(); name > w.newest[shard] {
				w.newest[shard], changed[shard] = name, true
			}
		}
	}
	for shard := range changed {
		if w.stock {
			break
		}
		last, err := w.lastRecord(ctx, prefix+w.newest[shard])
		if err != nil {
			w.newest[shard] = "" // look again
			continue
		}
		w.warehoused(shard, last)
	}
	return nil
}

// warehoused notes that a shard is warehoused as far as a record.
func (w *watch) warehoused(shard string, last sequence.Number) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.shard(shard); last.After(s.warehoused) {
		s.warehoused, s.progress = last, time.Now()
	}
}

func (w *watch) lastRecord(ctx context.Context, key string) (sequence.Number, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	head, err := w.services.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		return "", err
	}
	return sequence.Parse(head.Metadata["last"])
}
