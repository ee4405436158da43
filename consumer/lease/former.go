package lease

import (
	"context"
	"time"

	"example.com/callevents/shared/startup"
)

// former is what this start has seen of the leases that workers of the first version hold, by key: they renew each row, and
// would take ours for expired. They must be stopped.
type former map[string]sighting[Row]

// quiet returns an error that passes while workers of the first version may run: while a row that has an owner, or shows that a
// worker is alive, has not stood for its lease duration.
func (t *DynamoDB) quiet(ctx context.Context) error {
	items, err := t.Scan(ctx)
	if err != nil {
		return t.explain("scan", "Scan", err)
	}
	now, busy := time.Now(), ""
	for _, item := range items {
		row := decodeRow(item.key(), item)
		idle := isShard(row.ShardID) && row.Owner == ""
		if row.Counter == 0 || idle || row.Finished() {
			continue
		}
		seen, known := t.former[row.ShardID]
		if !known || seen.row.version() != row.version() {
			seen = sighting[Row]{row: row, since: now}
			t.former[row.ShardID] = seen
		}
		if now.Sub(seen.since) < row.lifetime(time.Minute) {
			busy = row.ShardID
		}
	}
	if busy != "" {
		return startup.NotYet("lease table %s is %w: consumers of an earlier version may hold leases in it, such as %s: stop all of them", t.name, errNotReady, busy)
	}
	return nil
}
