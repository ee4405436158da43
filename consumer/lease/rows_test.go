package lease // inside the package: the small types are not exported

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is a table that never answers.
type hanging struct{ Table }

func (hanging) Scan(ctx context.Context) ([]Item, error) { <-ctx.Done(); return nil, ctx.Err() }
func (hanging) Get(ctx context.Context, _ bool, _ ...string) (map[string]Item, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (hanging) Update(ctx context.Context, _ Write) (Item, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (hanging) Delete(ctx context.Context, _ string, _ ...Condition) error {
	<-ctx.Done()
	return ctx.Err()
}

// Seen to fail, for each call, when it goes to the table as it is.
func TestCallsToTheTableEndInTime(t *testing.T) {
	cfg := Config{Duration: 10 * time.Second}
	table, ctx := rows{hanging{}, cfg}, context.Background()
	for name, call := range map[string]func() error{
		"Scan":   func() error { _, err := table.Scan(ctx); return err },
		"Get":    func() error { _, err := table.Get(ctx, true, "s"); return err },
		"Update": func() error { _, err := table.Update(ctx, Write{}); return err },
		"Delete": func() error { return table.Delete(ctx, "s") },
	} {
		synctest.Test(t, func(t *testing.T) {
			want, started := cfg.Duration/4, time.Now()
			if name == "Scan" {
				want = cfg.Duration
			}
			if err := call(); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != want {
				t.Errorf("%s: %v after %v, want its end after %v", name, err, time.Since(started), want)
			}
		})
	}
}

// A row that was deleted and made again must not repeat a counter. Seen to fail when it begins at 1.
func TestTheCounterOfANewRowBeginsAtRandom(t *testing.T) {
	table := rows{noTable{}, Config{Duration: time.Second}}
	first, _ := table.write(t.Context(), Row{ShardID: "s"}, set{})
	second, _ := table.write(t.Context(), Row{ShardID: "s"}, set{})
	next, _ := table.write(t.Context(), first, set{})
	if first.Counter == second.Counter || next.Counter != 1 { // what is added
		t.Errorf("%d, %d, and then + %d", first.Counter, second.Counter, next.Counter)
	}
}

// noTable answers each write with what it adds.
type noTable struct{ Table }

func (noTable) Update(_ context.Context, w Write) (Item, error) { return w.Add, nil }
