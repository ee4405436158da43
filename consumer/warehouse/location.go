package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Location is a bucket and a prefix in it that ends with a slash.
type Location struct{ Bucket, Prefix string }

// String returns s3://bucket/prefix.
func (l Location) String() string { return "s3://" + l.Bucket + "/" + l.Prefix }

// ParseLocation is the inverse of [Location.String].
func ParseLocation(s string) (Location, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, prefix, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || bucket == "" {
		return Location{}, fmt.Errorf("location %q: want s3://<bucket>/<prefix>", s)
	}
	return Location{Bucket: bucket, Prefix: prefix}, nil
}

// LocationError is [ErrLocation] with the location: it denies access, or what lies there is no chain of ours, so that a tip
// may lie there unseen. It is never [ErrFatal]: a person may give the location up.
type LocationError struct {
	Location
	cause error
}

// Is makes it an [ErrLocation].
func (e *LocationError) Is(target error) bool { return target == ErrLocation }

// Error names the location and says what to do.
func (e *LocationError) Error() string {
	return fmt.Sprintf("%v: %s: %v; give access to it, or give it up: "+
		"consumer forget-location --app <application> %s", ErrLocation, e.Location, e.cause, e.Location)
}

// locations returns the present location and, after it, the former ones that are not forgotten.
func (s *Store) locations(ctx context.Context) ([]Location, error) {
	known := s.Locations
	if s.Remembered != nil && slices.ContainsFunc(known, func(at Location) bool { return at != s.Location }) {
		var err error
		if known, err = s.Remembered(ctx); err != nil {
			return nil, fmt.Errorf("read the application's locations: %w", err)
		}
	}
	locations := []Location{s.Location}
	for _, at := range known {
		if !slices.Contains(locations, at) {
			locations = append(locations, at)
		}
	}
	return locations, nil
}

// readable returns the error of reading a chain at a location. If it is a former one, and the error does not pass by
// itself, that is a [LocationError]. A former bucket that is absent has no links any more: no error. One that denies access
// is passed over if the chain is here, at the present location.
func (s *Store) readable(ctx context.Context, at Location, err error, here func() (bool, error)) error {
	if at == s.Location || err == nil || ctx.Err() != nil {
		return err
	}
	switch code := status(err); {
	case code == http.StatusNotFound:
		return nil
	case code == http.StatusForbidden, code == http.StatusMovedPermanently, code == http.StatusBadRequest:
		passed, unknown := here()
		if unknown != nil {
			return unknown
		}
		if passed {
			s.log.WithField("location", at.String()).Warn("former location denies access, passed over: the chain is at the present one")
			return nil
		}
	case !errors.Is(err, ErrFatal):
		return fmt.Errorf("former location %s: %w", at, err)
	}
	return &LocationError{Location: at, cause: err}
}
