package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv/faults"
)

func TestWithoutS3TheShardWaitsAndALostLeaseEndsIt(t *testing.T) {
	for name, cut := range map[string]func(*faults.Proxy) (mend func() error){
		"refuses": func(p *faults.Proxy) func() error { p.Down(); return p.Up },
		"hangs": func(p *faults.Proxy) func() error {
			rule := p.Add(faults.Rule{Fault: faults.Hang()})
			return func() error { rule.Remove(); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waitWithoutS3(t, cut)
		})
	}
}

// waitWithoutS3 has nothing read while a commit gets no answer, since whoever reads calls Process.
func waitWithoutS3(t *testing.T, cut func(*faults.Proxy) (mend func() error)) {
	b := newBench(t)
	proxy, err := faults.Listen(b.url)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	b.url = proxy.URL()
	for range 4 {
		b.stream.put(0)
	}
	shard := b.open(t, func(c *pipeline.Config, _ *warehouse.Config) { c.FlushRecords = 2 })
	mend := cut(proxy)
	result := make(chan error, 1)
	go func() { result <- shard.Process(t.Context(), b.stream.read("", 2, 0), time.Time{}) }()
	select {
	case err := <-result:
		t.Fatalf("went on without an answer: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := mend(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if got := b.ends(t); !slices.Equal(got, []string{"120"}) {
		t.Fatalf("links end at %v", got)
	}
	cut(proxy)
	lost := errors.New("lease lost")
	working, lose := context.WithCancelCause(t.Context())
	go func() { result <- shard.Process(working, b.stream.read("120", 2, 0), time.Time{}) }()
	lose(lost)
	if err := <-result; !errors.Is(err, lost) {
		t.Fatalf("got %v, want the cause of the context's end", err)
	}
}
