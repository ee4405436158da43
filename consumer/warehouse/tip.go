package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/memory"
)

// Follow returns the newest link at place or behind it, at the present location; ok is false if nothing is at place.
// place must be one that the chain has come to. Then it costs one request if nothing is there, and two for each day
// that has links, see [Store.newest].
func (s *Store) Follow(ctx context.Context, place Place) (tip Link, ok bool, err error) {
	return s.follow(ctx, s.Location, place)
}

func (s *Store) follow(ctx context.Context, at Location, place Place) (tip Link, ok bool, err error) {
	for {
		there, format, found, err := s.newest(ctx, at, place)
		if err != nil || !found {
			return tip, ok, err
		}
		link, found, err := s.head(ctx, at, there, format)
		if err != nil || !found {
			return tip, ok, err
		}
		tip, ok = link, true
		if link.NextDay == place.Day {
			return tip, ok, nil // the day has no later one
		}
		place = link.Next()
	}
}

// Resume is Follow wherever the application has written: a former run may have gone on elsewhere, and the run before it
// here. It costs one more request for each former location. The error is a [LocationError] if one of them cannot be read.
// A location that denies access is passed over if the chain is at the present one.
func (s *Store) Resume(ctx context.Context, place Place) (tip Link, ok bool, err error) {
	locations, err := s.locations(ctx)
	if err != nil {
		return Link{}, false, err
	}
	for asked := 0; asked < len(locations); {
		at := locations[asked]
		link, found, err := s.follow(ctx, at, place)
		here := func() (bool, error) { return s.here(ctx, place) }
		if err = s.readable(ctx, at, err, here); err != nil {
			return Link{}, false, err
		}
		asked++
		if found {
			tip, ok, place = link, true, link.Next()
		}
		if found && len(locations) > 1 {
			asked = 0
		}
	}
	return tip, ok, nil
}

// Moved reports whether the shard's newest link is at the present location, so that no former one is needed for it any
// more. place is the one behind its checkpoint.
func (s *Store) Moved(ctx context.Context, place Place) (bool, error) {
	tip, ok, err := s.Resume(ctx, place)
	if ok || err != nil {
		return ok && tip.Location == s.Location, err
	}
	return s.here(ctx, place)
}

// here reports whether the shard's chain has come to the present location: the newest link there ends at place, or
// behind it.
func (s *Store) here(ctx context.Context, place Place) (bool, error) {
	link, found, err := s.tipIn(ctx, s.Location, place.Shard)
	return found && !place.Previous.After(link.Last), err
}

// Tip searches for the newest link of a shard, wherever the application has written, without knowing a place; ok is
// false if none is found. It searches the newest days that exist, as many as retention can hold records of, or as a link's
// memory is of use. So neither a clock of ours nor the lease table matters. An older tip is found by [Store.Resume] from the
// shard's first place.
//
// It lists the days, then the shard's links of the newest day that has any, see [Store.newest]. A shard costs three
// requests a location if that day has up to 1,000 links, and a shard without links one request for each day of retention.
func (s *Store) Tip(ctx context.Context, shard string) (tip Link, ok bool, err error) {
	locations, err := s.locations(ctx)
	if err != nil {
		return Link{}, false, err
	}
	for _, at := range locations {
		link, found, err := s.tipIn(ctx, at, shard)
		here := func() (bool, error) { return ok, nil }
		if err = s.readable(ctx, at, err, here); err != nil {
			return Link{}, false, fmt.Errorf("find the tip of %s in %s: %w", shard, at, err)
		}
		if found && (!ok || tip.before(link)) {
			tip, ok = link, true
		}
	}
	return tip, ok, nil
}

func (l Link) before(other Link) bool {
	if c := l.Last.Compare(other.Last); c != 0 {
		return c < 0
	}
	return l.NextDay < other.NextDay
}

func (s *Store) tipIn(ctx context.Context, at Location, shard string) (Link, bool, error) {
	days, err := s.days(ctx, at)
	if err != nil {
		return Link{}, false, err
	}
	for _, day := range days[:min(len(days), s.retainedDays())] {
		place, format, ok, err := s.newest(ctx, at, Place{Shard: shard, Day: day})
		if err != nil {
			return Link{}, false, err
		}
		if ok {
			return s.head(ctx, at, place, format)
		}
	}
	return Link{}, false, nil
}

// retainedDays is on how many days the stream's records can have arrived, and one more for a folder of somebody else
// that looks like a day.
func (s *Store) retainedDays() int {
	const day = 24 * time.Hour
	return max(int((s.Retention+day-1)/day), memory.Days) + 2
}

// days lists the days that have objects, newest first.
func (s *Store) days(ctx context.Context, at Location) ([]string, error) {
	var days []string
	in := &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: aws.String(at.Prefix + "dt="), Delimiter: aws.String("/")}
	for requests := s3.NewListObjectsV2Paginator(listing{s}, in); requests.HasMorePages(); {
		out, err := requests.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", aws.ToString(in.Prefix), err)
		}
		for _, p := range out.CommonPrefixes {
			day := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), at.Prefix+"dt="), "/")
			if _, err := time.Parse(time.DateOnly, day); err == nil {
				days = append(days, day)
			}
		}
	}
	slices.Sort(days)
	slices.Reverse(days)
	return days, nil
}

// listing is the store's client with a time-out for each request. The SDK retries it.
type listing struct{ store *Store }

func (l listing) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, opts ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, l.store.Timeout)
	defer cancel()
	return l.store.client.ListObjectsV2(ctx, in, opts...)
}
