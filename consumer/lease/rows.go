package lease

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// rows is a [Table] whose calls end in time: one that hangs must not hold up what comes after it. Create is the exception,
// since a new table needs longer; it bounds itself. It knows the rows of shards.
type rows struct {
	Table
	cfg Config
}

func (t rows) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.cfg.callTimeout())
}

func (t rows) Get(ctx context.Context, consistent bool, keys ...string) (map[string]Item, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Get(ctx, consistent, keys...)
}

// Scan has the whole lease duration: a large table needs many calls.
func (t rows) Scan(ctx context.Context) ([]Item, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Duration)
	defer cancel()
	return t.Table.Scan(ctx)
}

func (t rows) Update(ctx context.Context, w Write) (Item, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Update(ctx, w)
}

func (t rows) Delete(ctx context.Context, key string, conditions ...Condition) error {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	return t.Table.Delete(ctx, key, conditions...)
}

// shard reads the row of a shard, consistently. If there is none, Exists reports false on it.
func (t rows) shard(ctx context.Context, shardID string) (Row, error) {
	items, err := t.Get(ctx, true, shardID)
	if err != nil {
		return Row{}, err
	}
	item, read := items[shardID]
	if !read {
		return Row{}, errBusy
	}
	return decodeRow(shardID, item), nil
}

// write adds one to the counter of a shard's row and applies s, if nobody has written the row since it was seen. The
// counter of a new row begins at random, so that none repeats after a row was deleted.
func (t rows) write(ctx context.Context, seen Row, s set) (Row, error) {
	w := Write{Key: seen.ShardID, If: seen.unchanged(), Set: Item{}, Add: Item{attrCounter: int64(1)}}
	if !seen.Exists() {
		w.Add[attrCounter] = 1 + rand.Int64N(1<<40)
	}
	for name, value := range s {
		w.Set[name] = value
	}
	item, err := t.Update(ctx, w)
	if err != nil {
		return Row{}, err
	}
	return decodeRow(seen.ShardID, item), nil
}

// isShard reports whether the key is that of a shard's row. Kinesis shard IDs never begin with "_".
func isShard(key string) bool { return !strings.HasPrefix(key, "_") }

// timeoutText is the LeaseTimeout of a row written now. People read it. Stock workers take a lease whose timeout is over, so it
// lies well ahead of the next write.
func timeoutText() string { return time.Now().Add(2 * touchEvery).UTC().Format(time.RFC3339Nano) }
