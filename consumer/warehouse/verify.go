package warehouse

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// Reader is what a verification needs of S3; *s3.Client has it. Safe for concurrent use.
type Reader interface {
	s3.ListObjectsV2APIClient
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Verification says what to verify.
type Verification struct {
	Locations []Location // of the links; if a chain has moved, oldest first
	Errors    []Location // of the dead letters

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

// readers is how many objects are read at a time.
const readers = 8

// Verify reads every object and reports what is in them and what is wrong, see [Fault]. It trusts nothing: neither
// the metadata nor the content, nor that they belong together. An error means that it could not find out.
//
// Objects are streamed, a few at a time, and judged in the order of their keys, which is the order of the chains. Of
// a record it keeps a 64-bit hash of its call_id and, with a ledger, its place: a million records fit in 80 MB, with
// a ledger in 250. A warehouse that is being written to may look faulty at its tips: verify when the consumers have
// stopped, and after a crash when they have run again.
func Verify(ctx context.Context, client Reader, cfg Verification) (Report, error) {
	v := &verifier{
		Verification: cfg,
		client:       client,
		seed:         maphash.MakeSeed(),
		report:       newReport(cfg.Ledger != nil, cfg.Source != nil),
		chains:       map[string]*chain{},
		seen:         map[uint64]uint32{},
		letters:      map[string]bool{},
	}
	if cfg.Ledger != nil {
		var err error
		if v.ledger, err = readLedger(cfg.Ledger, v.seed); err != nil {
			return v.report, fmt.Errorf("read ledger: %w", err)
		}
		v.report.LedgerRecords = v.ledger.lines
	}
	for _, at := range cfg.Errors {
		if err := v.listLetters(ctx, at); err != nil {
			return v.report, err
		}
	}
	for _, at := range cfg.Locations {
		if err := v.location(ctx, at); err != nil {
			return v.report, fmt.Errorf("verify %s: %w", at, err)
		}
	}
	if err := v.compareRest(ctx); err != nil {
		return v.report, fmt.Errorf("compare with the stream: %w", err)
	}
	v.finish()
	return v.report, nil
}

type verifier struct {
	Verification
	client Reader
	seed   maphash.Seed
	ledger *ledger

	report  Report
	chains  map[string]*chain // by shard
	seen    map[uint64]uint32 // hash of a call_id to how often it is there
	letters map[string]bool   // dead letter objects, by bucket and key; true once a link names them
}

// chain is how far a shard's chain has been followed.
type chain struct {
	tip       Link
	from, to  number // range of the link that is being read
	lastTaken number // sequence number of the last record that the ledger tells it of
}

func (v *verifier) listLetters(ctx context.Context, at Location) error {
	return v.list(ctx, at, func(key string) error {
		v.letters[at.Bucket+"/"+key] = false
		return nil
	})
}

// location reads the objects at one location: many at a time, taken in the order of their keys.
func (v *verifier) location(ctx context.Context, at Location) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan chan object, readers)
	group.Go(func() error {
		defer close(queue)
		return v.list(ctx, at, func(key string) error {
			result := make(chan object, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				o, err := v.read(ctx, at, key)
				result <- o
				return err
			})
			return nil
		})
	})
	group.Go(func() (err error) {
		for result := range queue { // to its end, or nobody could put anything into it
			if o := <-result; err == nil && ctx.Err() == nil {
				err = v.take(ctx, o)
			}
		}
		return err
	})
	return group.Wait()
}

// list calls each for every key at a location, in order, but for the preflight's.
func (v *verifier) list(ctx context.Context, at Location, each func(key string) error) error {
	for pages := s3.NewListObjectsV2Paginator(v.client, &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: &at.Prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", at, err)
		}
		for _, o := range page.Contents {
			if *o.Key == at.Prefix+probe {
				continue
			}
			if err := each(*o.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// take judges one object, in its turn.
func (v *verifier) take(ctx context.Context, o object) error {
	v.report.add(o)
	if o.isLink {
		if err := v.compare(ctx, o); err != nil {
			return fmt.Errorf("compare %s with the stream: %w", o.key, err)
		}
		c := v.follow(o.link)
		c.from, c.to = numberOf(o.link.First), numberOf(o.link.Last)
		for _, line := range o.lines {
			v.see(line.call, o.link, c)
		}
		for _, call := range o.letters {
			v.see(call, o.link, nil)
		}
		if o.link.Rejected > 0 {
			v.letters[o.link.Bucket+"/"+o.link.DeadLetters] = true
		}
	}
	if v.Progress != nil {
		v.Progress(v.report)
	}
	return nil
}

// follow checks that link comes right after the tip of its shard's chain, and makes it the tip.
func (v *verifier) follow(link Link) *chain {
	c, ok := v.chains[link.Shard]
	if !ok {
		if link.Day != FirstDay {
			v.report.fault(BrokenLinks, "%s: the chain begins in the middle, links before it are missing", link.Key())
		}
		c = &chain{tip: link}
		v.chains[link.Shard] = c
		return c
	}
	switch tip := c.tip; {
	case link.Application != tip.Application || link.Stream != tip.Stream:
		v.report.fault(BrokenLinks, "%s: of application %q on %q, the link before of %q on %q", link.Key(), link.Application, link.Stream, tip.Application, tip.Stream)
	case link.Place == tip.Next():
	case tip.Last.After(link.Previous):
		v.report.fault(BrokenLinks, "%s: overlaps the link before it, which ends at %s", link.Key(), tip.Last)
	default:
		v.report.fault(BrokenLinks, "%s: does not follow the link before it, which ends at %s and names %s as the next day", link.Key(), tip.Last, tip.NextDay)
	}
	if !c.tip.Last.After(link.Last) {
		c.tip = link
	}
	return c
}

// see takes note of one record of link. c is nil for a dead letter, whose place its entry tells.
func (v *verifier) see(call uint64, link Link, c *chain) {
	if call == 0 {
		return
	}
	v.seen[call]++
	entry := v.ledger.entry(call)
	switch copies := v.seen[call]; {
	case v.Source == nil && copies > entry.mayBe():
		v.report.fault(Duplicates, "%s: a record that is there %d times", link.Key(), copies)
	case copies > 1:
		v.report.Resent++
	}
	if c == nil || !entry.certain() {
		return
	}
	switch shard := v.ledger.shards[entry.shard]; {
	case shard != link.Shard, link.First.IsZero(), entry.number.before(c.from), c.to.before(entry.number):
		v.report.fault(Misplaced, "%s: a record with sequence number %s of %s", link.Key(), entry.number, shard)
	case entry.number.before(c.lastTaken):
		v.report.fault(OutOfOrder, "%s: %s comes after %s", link.Key(), entry.number, c.lastTaken)
	default:
		c.lastTaken = entry.number
	}
}

// finish reports what only the end shows.
func (v *verifier) finish() {
	for key, named := range v.letters {
		if !named {
			v.report.fault(DeadLetterFaults, "%s: dead letters of no link", key)
		}
	}
	if v.ledger == nil {
		return
	}
	for call, entry := range v.ledger.entries {
		if missing := int(entry.lines) - int(v.seen[call]); missing > 0 {
			v.report.faults(Lost, missing, "sequence number %s of %s", entry.number, v.ledger.shards[entry.shard])
		}
	}
	for call, copies := range v.seen {
		if _, ok := v.ledger.entries[call]; !ok {
			v.report.NotInLedger += int(copies)
		}
	}
}
