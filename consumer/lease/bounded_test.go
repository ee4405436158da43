package lease // inside the package: the small types of the manager are not exported

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is a table that never answers.
type hanging struct{ Table }

func (hanging) Rows(ctx context.Context) ([]Row, error)        { <-ctx.Done(); return nil, ctx.Err() }
func (hanging) Row(ctx context.Context, _ string) (Row, error) { <-ctx.Done(); return Row{}, ctx.Err() }
func (hanging) Update(ctx context.Context, _ Row, _ Set) (Row, error) {
	<-ctx.Done()
	return Row{}, ctx.Err()
}
func (hanging) Claim(ctx context.Context, _ Row, _ string) error { <-ctx.Done(); return ctx.Err() }
func (hanging) Delete(ctx context.Context, _ Row) error          { <-ctx.Done(); return ctx.Err() }

// Seen to fail, for each call, when it goes to the table as it is.
func TestCallsToTheTableEndInTime(t *testing.T) {
	table, ctx := boundedTable{hanging{}, testConfig}, context.Background()
	for name, call := range map[string]func() error{
		"Rows":   func() error { _, err := table.Rows(ctx); return err },
		"Row":    func() error { _, err := table.Row(ctx, "s"); return err },
		"Update": func() error { _, err := table.Update(ctx, Row{}, nil); return err },
		"Claim":  func() error { return table.Claim(ctx, Row{}, "me") },
		"Delete": func() error { return table.Delete(ctx, Row{}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			want, started := testConfig.Duration/4, time.Now()
			if name == "Rows" {
				want = testConfig.Duration
			}
			if err := call(); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != want {
				t.Errorf("%s: %v after %v, want its end after %v", name, err, time.Since(started), want)
			}
		})
	}
}
