package lease // inside the package: the small types of the manager are not exported

import (
	"context"
	"errors"
	"testing"
	"time"
)

// smallTable is a table of one row. It counts the calls that write, and fails them with err if that is set.
type smallTable struct {
	Table
	row    Row
	writes int
	err    error
}

func (t *smallTable) Row(context.Context, string) (Row, error) { return t.row, nil }

func (t *smallTable) Update(_ context.Context, seen Row, set Set) (Row, error) {
	if err := t.write(seen); err != nil {
		return Row{}, err
	}
	t.row = set.apply(t.row)
	t.row.Counter++
	return t.row, nil
}

func (t *smallTable) Delete(_ context.Context, seen Row) error {
	if err := t.write(seen); err != nil {
		return err
	}
	t.row = Row{ShardID: t.row.ShardID}
	return nil
}

func (t *smallTable) write(seen Row) error {
	t.writes++
	if t.err == nil && t.row.version() != seen.version() {
		return ErrRefused
	}
	return t.err
}

// Seen to fail when the row is written at every look, when it is never written again, when a refused write is not
// followed by a read, and when the row is deleted again at every look.
func TestWorkerRowIsRenewedWhenDueAndRemovedOnce(t *testing.T) {
	table := &smallTable{row: Row{ShardID: workerPrefix + "me"}}
	p := newPresence(testConfig, table)
	due := func() time.Time { return time.Now().Add(-testConfig.renewEvery()) }
	show := func(seen time.Time) func() error { return func() error { return p.show(t.Context(), seen) } }
	remove := func() error { return p.remove(t.Context()) }
	lateWrite := func() error { table.row.Counter++; return p.show(t.Context(), due()) }
	for _, step := range []struct {
		name   string
		do     func() error
		writes int
	}{
		{"nothing to remove", remove, 0},
		{"absent", show(time.Time{}), 1},
		{"not due", show(time.Now()), 1},
		{"due", show(due()), 2},
		{"refused, an earlier write was applied late", lateWrite, 3},
		{"due again", show(due()), 4},
		{"remove", remove, 5},
		{"remove again", remove, 5},
		{"idle again", show(time.Now()), 6},
	} {
		if err := step.do(); err != nil || table.writes != step.writes {
			t.Fatalf("%s: %v, %d writes, want %d", step.name, err, table.writes, step.writes)
		}
	}
}

// Seen to fail when every error is one, and when none is.
func TestWorkerRowThatIsNotRemovedIsTriedAgainUnlessItIsGone(t *testing.T) {
	for cause, gone := range map[error]bool{ErrTableMissing: true, ErrRefused: true, errors.New("throttled"): false} {
		table := &smallTable{err: cause}
		p := newPresence(testConfig, table)
		p.row.Counter = 1
		if err := p.remove(t.Context()); gone != (err == nil) || gone == p.row.Exists() {
			t.Errorf("%v: %v, row %+v", cause, err, p.row)
		}
	}
}
