package lease_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"example.com/callevents/consumer/lease"
)

// hook is called with every call to the table, without the lock. key is the first one.
type hook func(ctx context.Context, call, key string) error

// memory is a lease.Table in memory.
type memory struct {
	latency time.Duration // of each call: half before it is applied, half after it
	stale   time.Duration // how old what a read may show that is not consistent
	busy    float64       // share of keys that a read leaves unprocessed

	mu       sync.Mutex
	before   hook // may fail the call
	after    hook // may replace the answer of a call that was applied
	exists   bool
	rows     map[string]lease.Item
	past     map[string][]state // former states of rows, if reads may be stale
	counters map[string]int64   // highest counter ever, per row
	requests map[string]int     // per call
	usage    usage
	beats    map[string]time.Time           // when a worker's last heartbeat was applied
	wrote    []func(before, now lease.Item) // under the lock, for invariants
	faults   []string
}

type state struct {
	item  lease.Item
	until time.Time
}

func newMemory() *memory {
	return &memory{exists: true, rows: map[string]lease.Item{}, past: map[string][]state{}, counters: map[string]int64{},
		requests: map[string]int{}, beats: map[string]time.Time{}, usage: newUsage()}
}

func (m *memory) do(ctx context.Context, call, key string, f func() error) error {
	m.mu.Lock()
	before, after := m.before, m.after
	m.mu.Unlock()
	if before != nil {
		if err := before(ctx, call, key); err != nil {
			return err
		}
	}
	time.Sleep(m.latency / 2)
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	m.requests[call]++
	err := lease.ErrTableMissing
	if m.exists || call == "Create" {
		err = f()
	}
	m.mu.Unlock()
	time.Sleep(m.latency / 2)
	if err == nil && after != nil {
		return after(ctx, call, key)
	}
	return err
}

func (m *memory) Create(ctx context.Context) error {
	return m.do(ctx, "Create", "", func() error { m.exists = true; return nil })
}

func (m *memory) Get(ctx context.Context, consistent bool, keys ...string) (items map[string]lease.Item, err error) {
	items = map[string]lease.Item{}
	err = m.do(ctx, "Get", keys[0], func() error {
		if twice(keys) {
			return errInvalid
		}
		for _, key := range keys {
			if m.busy > 0 && rand.Float64() < m.busy {
				continue
			}
			items[key] = m.rows[key]
			if !consistent {
				items[key] = m.old(key)
			}
			m.usage.read(m.rows[key], consistent)
		}
		return nil
	})
	return items, err
}

// old is a state that the row had at a time within the last m.stale.
func (m *memory) old(key string) lease.Item {
	if m.stale == 0 {
		return m.rows[key]
	}
	at := time.Now().Add(-rand.N(m.stale))
	for _, s := range m.past[key] {
		if at.Before(s.until) {
			return s.item
		}
	}
	return m.rows[key]
}

func (m *memory) Scan(ctx context.Context) (items []lease.Item, err error) {
	err = m.do(ctx, "Scan", "", func() error {
		items = slices.Collect(maps.Values(m.rows))
		m.usage.scan(items)
		return nil
	})
	return items, err
}

func (m *memory) Update(ctx context.Context, w lease.Write) (item lease.Item, err error) {
	err = m.do(ctx, "Update", w.Key, func() error {
		before := m.rows[w.Key]
		if invalid(w) {
			return errInvalid
		}
		m.usage.write(before)
		if !holds(before, w.If) {
			return lease.ErrRefused
		}
		item = apply(before, w)
		m.usage.write(item, before)
		m.put(w.Key, item)
		m.check(w, before, item)
		return nil
	})
	return item, err
}

// check looks for what must never be, and notes heartbeats.
func (m *memory) check(w lease.Write, before, now lease.Item) {
	if _, beat := w.Set["Heartbeat"]; beat {
		m.beats[w.Key] = time.Now()
	}
	if counter, ok := now["LeaseCounter"].(int64); ok {
		if counter <= m.counters[w.Key] {
			m.faults = append(m.faults, fmt.Sprintf("counter of %s repeats: %d", w.Key, counter))
		}
		m.counters[w.Key] = counter
	}
	for _, wrote := range m.wrote {
		wrote(before, now)
	}
}

func (m *memory) Delete(ctx context.Context, key string, conditions ...lease.Condition) error {
	return m.do(ctx, "Delete", key, func() error {
		m.usage.write(m.rows[key])
		if !holds(m.rows[key], conditions) {
			return lease.ErrRefused
		}
		m.put(key, nil)
		return nil
	})
}

// put is called under the lock; nil removes the row.
func (m *memory) put(key string, item lease.Item) {
	if m.stale > 0 {
		old := slices.DeleteFunc(m.past[key], func(s state) bool { return time.Since(s.until) > m.stale })
		m.past[key] = append(old, state{m.rows[key], time.Now()})
	}
	if item == nil {
		delete(m.rows, key)
		delete(m.counters, key)
		return
	}
	m.rows[key] = item
}

// disturb sets the hooks; nil for none.
func (m *memory) disturb(before, after hook) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.after = before, after
}

// calm ends what disturb and busy do.
func (m *memory) calm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.after, m.busy = nil, nil, 0
}

// watch has every write shown to an observer, under the lock.
func (m *memory) watch(wrote func(before, now lease.Item)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrote = append(m.wrote, wrote)
}

// beat returns when the last heartbeat of a worker was applied.
func (m *memory) beat(id string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.beats[lease.WorkerPrefix+id]
}

// set writes a row as an operator or a stock worker would, past all conditions.
func (m *memory) set(row lease.Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(row.ShardID, row.Item())
}

// edit changes any row past all conditions; nil deletes it.
func (m *memory) edit(key string, item lease.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, item)
}

func (m *memory) get(shardID string) lease.Row { return lease.DecodeRow(shardID, m.item(shardID)) }

func (m *memory) item(key string) lease.Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.rows[key])
}

// copy returns all rows, as a backup would.
func (m *memory) copy() map[string]lease.Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.rows)
}

// replace deletes the table, or puts a copy in its place.
func (m *memory) replace(rows map[string]lease.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exists, m.rows, m.past, m.counters = rows != nil, maps.Clone(rows), map[string][]state{}, map[string]int64{}
	if rows == nil {
		m.rows = map[string]lease.Item{}
	}
}

func (m *memory) total() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, requests := range m.requests {
		n += requests
	}
	return n
}
