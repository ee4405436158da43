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

// Tip returns the newest link of the shard's chain, in any location that the application has used; ok is false if
// there is none. As many days are searched as can hold a record which retention still has, the newest that there are, so
// that neither a clock of ours nor what the lease table says matters. A tip older than that needs not be found: nothing
// that could be read again is in it.
//
// It lists the days, then the shard's links of the newest day that has any: 1,000 keys a request. So a shard costs three
// requests a location, and one more for each further 1,000 links of that day; a shard without links costs one for each
// day of retention, however many days there are.
func (s *Store) Tip(ctx context.Context, shard string) (tip Link, ok bool, err error) {
	locations := append([]Location{s.Location}, s.Former...)
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

// retainedDays is how many days the records that retention still has can be in, and one more: an hour ago may be
// yesterday, and somebody may have made a folder that looks like a day.
func (s *Store) retainedDays() int {
	const day = 24 * time.Hour
	return int((s.Retention+day-1)/day) + 2
}

// days lists the days that have objects, newest first.
func (s *Store) days(ctx context.Context, at Location) ([]string, error) {
	var days []string
	in := &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: aws.String(at.Prefix + "dt="), Delimiter: aws.String("/")}
	err := s.list(ctx, in, func(page *s3.ListObjectsV2Output) {
		for _, p := range page.CommonPrefixes {
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
	err = s.list(ctx, in, func(page *s3.ListObjectsV2Output) {
		for _, object := range page.Contents {
			place, f, err := ParseKey(at.Prefix, aws.ToString(object.Key))
			if err == nil && place.Shard == p.Shard && !newest.Previous.After(place.Previous) {
				newest, format, ok = place, f, true
			}
		}
	})
	return newest, format, ok, err
}

// list reads all pages. The SDK retries each.
func (s *Store) list(ctx context.Context, in *s3.ListObjectsV2Input, each func(*s3.ListObjectsV2Output)) error {
	for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
		call, cancel := context.WithTimeout(ctx, s.Timeout)
		page, err := pages.NextPage(call)
		cancel()
		if err != nil {
			return fmt.Errorf("list %s: %w", aws.ToString(in.Prefix), err)
		}
		each(page)
	}
	return nil
}
