package audit

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
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
	// Table is what the lease table says of the ends of the chains. Nil: it was not read, and no chain is checked to
	// its end.
	Table *Table
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
	a := newAuditor(bucket, cfg, report, ledger, seed)
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
	a.chains.finish(cfg.Table)
	if err := a.unnamed(ctx); err != nil {
		return *report, err
	}
	a.calls.finish(a.chains)
	report.Unread = unread(cfg)
	report.conclude()
	return *report, nil
}

// unread has the locations that the application has objects at and that are not read.
func unread(cfg Config) (list []string) {
	if cfg.Table == nil {
		return nil
	}
	for _, location := range cfg.Table.Locations {
		if !slices.ContainsFunc(cfg.Links, func(at warehouse.Location) bool { return at.String() == location }) {
			list = append(list, location)
		}
	}
	return list
}

// auditor is one run. Only its reader is used by several goroutines.
type auditor struct {
	reader       reader
	comparison   *comparison
	chains       *chains
	calls        *calls
	letterPlaces []warehouse.Location
	deadLetters  map[deadLetterObject]bool // true once a link names it
	applied      map[string]bool           // applications that have links
	report       *Report
	progress     func(Report)
}

// deadLetterObject is an object under a prefix of dead letters.
type deadLetterObject struct {
	prefix warehouse.Location
	key    string
}

// owner is the application in whose folder the object lies, empty if it lies in none.
func (o deadLetterObject) owner() string {
	if !strings.Contains(strings.TrimPrefix(o.key, o.prefix.Prefix), "/") {
		return ""
	}
	return warehouse.DeadLettersOwner(o.prefix.Prefix, o.key)
}

func newAuditor(bucket Bucket, cfg Config, report *Report, ledger *ledger, seed maphash.Seed) *auditor {
	calls := &calls{report: report, ledger: ledger, copies: map[uint64]uint32{}, lost: map[uint64]int{}, there: map[uint64]string{}}
	return &auditor{
		reader: reader{bucket, seed},
		comparison: &comparison{source: cfg.Source, seed: seed, report: report, calls: calls,
			read: map[string]sequence.Number{}, next: map[string]turn{}, known: identities{}},
		chains:       &chains{report: report, ledger: ledger, byShard: map[string]*chain{}},
		calls:        calls,
		letterPlaces: cfg.DeadLetters,
		deadLetters:  map[deadLetterObject]bool{},
		applied:      map[string]bool{},
		report:       report,
		progress:     cfg.Progress,
	}
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
		if err := a.judgeLink(ctx, o); err != nil {
			return fmt.Errorf("compare %q with the stream: %w", o.key, err)
		}
	}
	if a.progress != nil {
		a.progress(*a.report)
	}
	return nil
}

func (a *auditor) judgeLink(ctx context.Context, o object) error {
	compared, err := a.comparison.link(ctx, o)
	if err != nil {
		return err
	}
	a.applied[o.link.Application] = true
	chain := a.chains.follow(o.link)
	if !o.link.First.IsZero() {
		chain.compared = compared
	}
	a.comparison.turns(o.link, chain.compared)
	for _, l := range o.lines {
		if e := a.calls.count(l.call, o.link, compared); !compared {
			chain.place(e)
		}
	}
	for _, l := range o.deadLetters {
		if l.suspected { // its event is there besides
			a.report.Suspected++
		} else {
			a.calls.count(l.call, o.link, compared)
		}
	}
	if !compared {
		a.report.blind += o.withoutCallID()
	}
	if o.link.Rejected > 0 {
		a.name(o.link)
	}
	return nil
}

// name notes that a link has these dead letters.
func (a *auditor) name(link warehouse.Link) {
	i := slices.IndexFunc(a.letterPlaces, func(at warehouse.Location) bool {
		return at.Bucket == link.Bucket && strings.HasPrefix(link.DeadLetters, at.Prefix)
	})
	if i < 0 {
		a.report.fault(DeadLetterFaults, "%q: its dead letters %q lie where none were looked for", link.Key(), link.DeadLetters)
		return
	}
	object := deadLetterObject{a.letterPlaces[i], link.DeadLetters}
	switch named, listed := a.deadLetters[object]; {
	case named:
		a.report.fault(DeadLetterFaults, "%q: another link names its dead letters %q, too", link.Key(), link.DeadLetters)
	case listed:
		a.deadLetters[object] = true
	}
}

func (a *auditor) listDeadLetters(ctx context.Context, at warehouse.Location) error {
	return a.reader.list(ctx, at, func(key string) error {
		a.deadLetters[deadLetterObject{at, key}] = false
		return nil
	})
}

// unnamed judges the dead letters that no link names: their link was removed, or they have none. Those in the folder of an
// application that has no links here are not looked at: its links lie elsewhere.
func (a *auditor) unnamed(ctx context.Context) error {
	objects := slices.SortedFunc(maps.Keys(a.deadLetters), func(x, y deadLetterObject) int {
		return cmp.Or(cmp.Compare(x.prefix.Bucket, y.prefix.Bucket), cmp.Compare(x.key, y.key))
	})
	for _, object := range objects {
		if owner := object.owner(); a.deadLetters[object] || owner != "" && !a.applied[owner] {
			continue
		}
		read, err := a.reader.letters(ctx, object.prefix.Bucket, object.key)
		if err != nil && !isMissing(err) {
			return err
		}
		kept := func(l letter) bool { return !a.chains.removed(l.shard, l.number) }
		if len(read.list) == 0 || read.broken != nil || slices.ContainsFunc(read.list, kept) {
			a.report.fault(DeadLetterFaults, "%q: dead letters of no link", object.key)
		} else {
			a.report.RemovedDeadLetters++
		}
	}
	return nil
}
