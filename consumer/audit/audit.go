package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/consumer/warehouse"
)

// Bucket is what an audit needs of S3; *s3.Client has it. Safe for concurrent use.
type Bucket interface {
	s3.ListObjectsV2APIClient
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Config says what to audit, and against what.
type Config struct {
	Links       []warehouse.Location // where the chains lie; if they have moved, oldest first
	DeadLetters []warehouse.Location

	// Ledger is what a producer wrote about acknowledged records: CSV without a header, call_id, shard, sequence
	// number, and optionally how many sends of the record before had an unknown outcome. Nil: there is none, and
	// what needs it is not checked.
	Ledger io.Reader
	// Source is the stream that the records came from. With it the comparison is exact: what a producer has put twice
	// is there twice. Nil: not compared.
	Source Source
	// Progress, unless nil, is called after every object, never twice at a time.
	Progress func(Report)
}

// Run reads every object and reports what is in them and what is wrong, see [Fault]. An error means that it could not
// find out.
func Run(ctx context.Context, bucket Bucket, cfg Config) (Report, error) {
	report := newReport(cfg.Ledger != nil, cfg.Source != nil)
	seed := maphash.MakeSeed()
	ledger, err := readLedger(cfg.Ledger, seed)
	if err != nil {
		return *report, fmt.Errorf("read ledger: %w", err)
	}
	report.LedgerRecords = ledger.lines
	a := &auditor{
		reader:      reader{bucket, seed},
		comparison:  comparison{cfg.Source, seed, report},
		chains:      chains{report, ledger, map[string]*chain{}},
		calls:       calls{report, ledger, map[uint64]uint32{}},
		deadLetters: map[string]bool{},
		owners:      map[string]string{},
		applied:     map[string]bool{},
		report:      report,
		progress:    cfg.Progress,
	}
	for _, at := range cfg.DeadLetters {
		if err := a.listDeadLetters(ctx, at); err != nil {
			return *report, err
		}
	}
	for _, at := range cfg.Links {
		if err := a.readLinks(ctx, at); err != nil {
			return *report, fmt.Errorf("verify %s: %w", at, err)
		}
	}
	if err := a.comparison.rest(ctx); err != nil {
		return *report, fmt.Errorf("compare with the stream: %w", err)
	}
	a.reportUnnamed()
	a.calls.finish()
	return *report, nil
}

// auditor is one run. Only its reader is used by several goroutines.
type auditor struct {
	reader      reader
	comparison  comparison
	chains      chains
	calls       calls
	deadLetters map[string]bool   // the objects, by bucket and key; true once a link names them
	owners      map[string]string // of the same: the application in whose folder they lie
	applied     map[string]bool   // applications that have links
	report      *Report
	progress    func(Report)
}

// readers is how many objects are read at a time.
const readers = 8

// readLinks reads the objects at one location, several at a time, and judges them in the order of their keys.
func (a *auditor) readLinks(ctx context.Context, at warehouse.Location) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan chan object, readers)
	group.Go(func() error {
		defer close(queue)
		return a.reader.list(ctx, at, func(key string) error {
			result := make(chan object, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				o, err := a.reader.object(ctx, at, key)
				result <- o
				return err
			})
			return nil
		})
	})
	group.Go(func() (err error) {
		for result := range queue { // to its end, or the other goroutines would wait for ever
			if o := <-result; err == nil && ctx.Err() == nil {
				err = a.judge(ctx, o)
			}
		}
		return err
	})
	return group.Wait()
}

// judge judges one object, in its turn.
func (a *auditor) judge(ctx context.Context, o object) error {
	a.report.add(o)
	if o.isLink {
		a.applied[o.link.Application] = true
		if err := a.comparison.link(ctx, o); err != nil {
			return fmt.Errorf("compare %s with the stream: %w", o.key, err)
		}
		chain := a.chains.follow(o.link)
		for _, l := range o.lines {
			chain.place(a.calls.count(l.call, o.link))
		}
		for _, call := range o.deadLetters {
			a.calls.count(call, o.link)
		}
		if o.link.Rejected > 0 {
			a.deadLetters[o.link.Bucket+"/"+o.link.DeadLetters] = true
		}
	}
	if a.progress != nil {
		a.progress(*a.report)
	}
	return nil
}

func (a *auditor) listDeadLetters(ctx context.Context, at warehouse.Location) error {
	return a.reader.list(ctx, at, func(key string) error {
		a.deadLetters[at.Bucket+"/"+key] = false
		a.owners[at.Bucket+"/"+key] = warehouse.DeadLettersOwner(at.Prefix, key)
		return nil
	})
}

// reportUnnamed reports the dead letters that no link names. Those in the folder of an application that has no links here
// are not looked at: its links lie elsewhere.
func (a *auditor) reportUnnamed() {
	for _, key := range slices.Sorted(maps.Keys(a.deadLetters)) {
		owner := a.owners[key]
		if !a.deadLetters[key] && (owner == "" || a.applied[owner]) {
			a.report.fault(DeadLetterFaults, "%s: dead letters of no link", key)
		}
	}
}
