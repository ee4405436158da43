package warehouse

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Tip returns the newest link of the shard's chain, in any location that the application has written to; ok is false
// if there is none. It searches the newest days that exist, as many as retention can hold records of. So neither a clock
// of ours nor the lease table matters. An older tip need not be found: the stream has none of its records any more.
//
// It lists the days, then the shard's links of the newest day that has any, 1,000 keys a request. A shard costs three
// requests a location, and one more for each further 1,000 links of that day. A shard without links costs one request
// for each day of retention.
func (s *Store) Tip(ctx context.Context, shard string) (tip Link, ok bool, err error) {
	locations := append([]Location{s.Location}, s.Locations...)
	for i, at := range locations {
		if slices.Contains(locations[:i], at) {
			continue
		}
		link, found, err := s.tipIn(ctx, at, shard)
		if status(err) == http.StatusNotFound && at != s.Location {
			continue // a former bucket was removed, and all links in it
		}
		if err != nil {
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
	return int((s.Retention+day-1)/day) + 2
}

// days lists the days that have objects, newest first.
func (s *Store) days(ctx context.Context, at Location) ([]string, error) {
	var days []string
	in := &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: aws.String(at.Prefix + "dt="), Delimiter: aws.String("/")}
	err := s.list(ctx, in, func(listing *s3.ListObjectsV2Output) {
		for _, p := range listing.CommonPrefixes {
			day := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), at.Prefix+"dt="), "/")
			if _, err := time.Parse(time.DateOnly, day); err == nil {
				days = append(days, day)
			}
		}
	})
	slices.Sort(days)
	slices.Reverse(days)
	return days, err
}

// newest returns the last link of p's shard and day. Names that no link can have are passed over.
func (s *Store) newest(ctx context.Context, at Location, p Place) (newest Place, format Format, ok bool, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: aws.String(p.shardDay(at.Prefix))}
	err = s.list(ctx, in, func(listing *s3.ListObjectsV2Output) {
		for _, object := range listing.Contents {
			place, f, err := ParseKey(at.Prefix, aws.ToString(object.Key))
			if err == nil && place.Shard == p.Shard && !newest.Previous.After(place.Previous) {
				newest, format, ok = place, f, true
			}
		}
	})
	return newest, format, ok, err
}

// list makes as many requests as the listing takes. The SDK retries each.
func (s *Store) list(ctx context.Context, in *s3.ListObjectsV2Input, each func(*s3.ListObjectsV2Output)) error {
	for requests := s3.NewListObjectsV2Paginator(s.client, in); requests.HasMorePages(); {
		call, cancel := context.WithTimeout(ctx, s.Timeout)
		listing, err := requests.NextPage(call)
		cancel()
		if err != nil {
			return fmt.Errorf("list %s: %w", aws.ToString(in.Prefix), err)
		}
		each(listing)
	}
	return nil
}
