package warehouse

import (
	"context"
	"fmt"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/sequence"
)

// newest returns the last link of p's shard and day that is not before p, whatever its format. Names that no link can
// have are passed over.
//
// An answer lists up to 1,000 keys. If they are not all, the last one is searched for as a number: by strides that
// double until nothing is behind, and then by halves. So 20,000 links cost about ten requests, and 100,000 fourteen.
func (s *Store) newest(ctx context.Context, at Location, p Place) (newest Place, format Format, ok bool, err error) {
	next := numberOf(p.Previous) // where to look
	var end, stride *big.Int     // no link is at end or behind it; the distance to next
	for {
		found, err := s.linksFrom(ctx, at, Place{Shard: p.Shard, Day: p.Day, Previous: sequence.Number(next.String())})
		if err != nil {
			return Place{}, "", false, err
		}
		switch n := len(found.places); {
		case n == 0 && !ok:
			return Place{}, "", false, nil
		case n == 0:
			end = next
		default:
			newest, format, ok = found.places[n-1], found.format, true
			if found.last {
				return newest, format, true, nil
			}
			if stride == nil {
				stride = new(big.Int).Sub(numberOf(newest.Previous), numberOf(found.places[0].Previous))
			}
		}
		low := numberOf(newest.Previous)
		if end == nil {
			next = new(big.Int).Add(low, stride)
			stride = new(big.Int).Lsh(stride, 1)
			if next.Cmp(beyond) >= 0 {
				end = beyond
			}
		}
		if end != nil {
			next = new(big.Int).Add(low, end)
			next.Rsh(next, 1)
		}
		if next.Cmp(low) <= 0 {
			next = new(big.Int).Add(low, big.NewInt(1))
		}
		if end != nil && next.Cmp(end) >= 0 {
			return newest, format, true, nil
		}
	}
}

// beyond is the first number with too many digits.
var beyond = new(big.Int).Exp(big.NewInt(10), big.NewInt(sequence.Digits), nil)

func numberOf(n sequence.Number) *big.Int {
	value, _ := new(big.Int).SetString("0"+n.String(), 10)
	return value
}

// someLinks are neighbours in one day of a shard, in the order of the chain.
type someLinks struct {
	places []Place
	format Format // of the last one
	last   bool   // no link follows
}

// linksFrom lists the first links that are not before p. It makes one request, unless all names in an answer are foreign.
func (s *Store) linksFrom(ctx context.Context, at Location, p Place) (found someLinks, err error) {
	day := p.shardDay(at.Prefix)
	in := &s3.ListObjectsV2Input{Bucket: &at.Bucket, Prefix: &day, StartAfter: aws.String(day + p.Previous.Padded())}
	for !found.last && len(found.places) == 0 {
		out, err := listing{s}.ListObjectsV2(ctx, in)
		if err != nil {
			return someLinks{}, fmt.Errorf("list %s: %w", day, err)
		}
		for _, object := range out.Contents {
			place, format, err := ParseKey(at.Prefix, aws.ToString(object.Key))
			if err == nil && place.Shard == p.Shard {
				found.places, found.format = append(found.places, place), format
			}
		}
		in.ContinuationToken = out.NextContinuationToken
		found.last = out.NextContinuationToken == nil
	}
	return found, nil
}
