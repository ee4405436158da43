package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/sequence"
)

// watch follows, for every shard, the newest record that was put and the newest that is warehoused.
type watch struct {
	services *services
	ledger   string
	stock    bool
	// recoveredFrom is told of every measurement.
	recoveredFrom func(kind string, took time.Duration, company bool)
	offset        int64             // how far the ledger is read; only run uses it
	newest        map[string]string // name of the newest object of a shard; only run uses it

	mu       sync.Mutex
	records  int
	put      map[string]sequence.Number
	tips     map[string]sequence.Number
	moved    map[string]time.Time // when the shard was last seen to make progress, or to have nothing to do
	closed   map[string]bool
	depths   map[string]int // generations before a shard
	parents  map[string][]string
	marks    map[*mark]bool
	measured []measurement
}

// mark is a moment that a fault began or ended at, until the shards have recovered from it.
type mark struct {
	kind    string
	at      time.Time
	target  map[string]sequence.Number // newest records put by then
	company bool                       // other faults were there
}

// measurement is how long after a mark every shard had warehoused a record that was put later.
type measurement struct {
	kind    string
	took    time.Duration
	company bool
}

// shardID is what the names of a shard's objects begin with.
var shardID = regexp.MustCompile(`^shardId-\d{12}`)

func newWatch(s *services, ledger string, stock bool, recoveredFrom func(string, time.Duration, bool)) *watch {
	return &watch{services: s, ledger: ledger, stock: stock, recoveredFrom: recoveredFrom, newest: map[string]string{}, put: map[string]sequence.Number{},
		tips: map[string]sequence.Number{}, moved: map[string]time.Time{}, closed: map[string]bool{}, depths: map[string]int{}, parents: map[string][]string{}, marks: map[*mark]bool{}}
}

// run looks until ctx ends. A look that fails, since a server is down, changes nothing.
func (w *watch) run(ctx context.Context) {
	for tick := time.Tick(250 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			w.look(ctx)
		}
	}
}

func (w *watch) look(ctx context.Context) {
	w.readLedger()
	if err := w.readTips(ctx); err != nil {
		return
	}
	if shards, err := w.services.shards(ctx); err == nil {
		w.mu.Lock()
		for _, shard := range shards {
			w.closed[*shard.ShardId] = !open(shard)
			w.parents[*shard.ShardId] = nil
			for _, parent := range []*string{shard.ParentShardId, shard.AdjacentParentShardId} {
				if parent != nil { // which is listed before its children
					w.depths[*shard.ShardId] = max(w.depths[*shard.ShardId], w.depths[*parent]+1)
					w.parents[*shard.ShardId] = append(w.parents[*shard.ShardId], *parent)
				}
			}
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for m := range w.marks {
		if w.recovered(m) {
			took := time.Since(m.at)
			w.measured = append(w.measured, measurement{m.kind, took, m.company})
			w.recoveredFrom(m.kind, took, m.company)
			delete(w.marks, m)
		}
	}
}

// readLedger reads the lines that were added; one that is not ended yet waits for the next look.
func (w *watch) readLedger() {
	f, err := os.Open(w.ledger)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := f.Seek(w.offset, io.SeekStart); err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		w.offset += int64(len(line))
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		if len(fields) < 3 {
			continue
		}
		w.records++
		shard := fields[1]
		at, err := sequence.Parse(fields[2])
		if err != nil {
			continue
		}
		if !w.put[shard].After(w.tips[shard]) { // until now there was nothing to do
			w.moved[shard] = time.Now()
		}
		if at.After(w.put[shard]) {
			w.put[shard] = at
		}
	}
}

// readTips finds the newest object of every shard by its name, in the S3 server's directory, which costs the server
// nothing. What it holds, its metadata says.
func (w *watch) readTips(ctx context.Context) error {
	days, err := filepath.Glob(filepath.Join(w.services.objects(), "dt=*"))
	if err != nil {
		return err
	}
	var fresh []string
	for _, day := range days {
		dir, err := os.Open(day)
		if err != nil {
			return err
		}
		names, err := dir.Readdirnames(-1)
		dir.Close()
		if err != nil {
			return err
		}
		for _, name := range names {
			shard := shardID.FindString(name)
			if name = filepath.Base(day) + "/" + name; shard != "" && name > w.newest[shard] {
				w.newest[shard] = name
				fresh = append(fresh, shard)
			}
			if w.stock { // its objects overlap, so the newest need not be the one that goes furthest
				w.warehoused(shard, stockLast(name))
			}
		}
	}
	for _, shard := range fresh {
		if w.stock {
			break
		}
		tip, err := w.last(ctx, prefix+w.newest[shard])
		if err != nil {
			w.newest[shard] = "" // look again
			continue
		}
		w.warehoused(shard, tip)
	}
	return nil
}

// warehoused notes that a shard is warehoused as far as tip.
func (w *watch) warehoused(shard string, tip sequence.Number) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tip.After(w.tips[shard]) {
		w.tips[shard], w.moved[shard] = tip, time.Now()
	}
}

func (w *watch) last(ctx context.Context, key string) (sequence.Number, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	head, err := w.services.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		return "", err
	}
	return sequence.Parse(head.Metadata["last"])
}

// mark begins to measure a recovery; instead of old, unless that is nil.
func (w *watch) mark(old *mark, kind string, company bool) *mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.marks, old)
	m := &mark{kind: kind, at: time.Now(), target: maps.Clone(w.put), company: company}
	w.marks[m] = true
	return m
}

// recovered reports that every shard has warehoused a record put after the mark; a closed shard, in which there is
// none, whatever was put.
func (w *watch) recovered(m *mark) bool {
	for shard, put := range w.put {
		if tip := w.tips[shard]; !tip.After(m.target[shard]) && (!w.closed[shard] || put.After(tip)) {
			return false
		}
	}
	return true
}

// waiting reports whether a mark is not recovered from yet.
func (w *watch) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.marks) > 0
}

// giveUp drops the marks that are not recovered from, and returns their kinds.
func (w *watch) giveUp() (kinds []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for m := range w.marks {
		kinds = append(kinds, m.kind)
		delete(w.marks, m)
	}
	return kinds
}

// stalled returns the shards that have something to do but did none of it since quiet began, for longer than patience.
// A shard that waits for its parents has patience with them.
func (w *watch) stalled(quiet time.Time, patience time.Duration) (shards []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard, put := range w.put {
		since := w.moved[shard]
		for _, parent := range w.parents[shard] {
			if w.moved[parent].After(since) {
				since = w.moved[parent]
			}
		}
		if quiet.After(since) {
			since = quiet
		}
		if put.After(w.tips[shard]) && time.Since(since) > patience {
			shards = append(shards, fmt.Sprintf("%s (put %s, warehoused %s)", shard, put, w.tips[shard]))
		}
	}
	return shards
}

// depth returns how many generations of shards came before the youngest.
func (w *watch) depth() (most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, depth := range w.depths {
		most = max(most, depth)
	}
	return most
}

// behind returns how many shards have records that are not warehoused.
func (w *watch) behind() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard, put := range w.put {
		if put.After(w.tips[shard]) {
			n++
		}
	}
	return n
}
