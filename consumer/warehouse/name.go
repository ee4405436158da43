package warehouse

import (
	"fmt"
	"strings"
	"time"

	"example.com/callevents/shared/sequence"
)

// Format is how an object is encoded; its text is the object's extension.
type Format string

// The formats of links. Dead letters are always [NDJSON], for people.
const (
	NDJSON     Format = "ndjson"
	NDJSONGzip Format = "ndjson.gz"
	NDJSONZstd Format = "ndjson.zst"
	Parquet    Format = "parquet"
)

// formats are all that a link may have, those of former runs included.
var formats = []Format{NDJSON, NDJSONGzip, NDJSONZstd, Parquet}

func (f Format) contentType() string {
	switch f {
	case NDJSONGzip:
		return "application/gzip"
	case NDJSONZstd:
		return "application/zstd"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/x-ndjson"
}

// FirstDay is the day of the first link of every shard. That link has no record. It says on which day the chain goes on.
const FirstDay = "1970-01-01"

// Day returns the UTC day of t as it stands in names.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Place is a place in a shard's chain, where exactly one link can be. It is computed from the link before it alone. So
// all writers of a shard agree on it, no matter what they have read since.
type Place struct {
	Shard    string
	Previous sequence.Number // the last sequence number of the link before; for the first link the one before the shard's starting one
	Day      string          // 2006-01-02, UTC, never earlier than the day of the link before
}

// Name says which object a link is.
type Name struct {
	Location
	Place
	Format Format
}

// Key returns the name of the object.
func (n Name) Key() string { return n.Place.Key(n.Prefix, n.Format) }

// Key returns the name of the object at p:
//
//	<prefix>dt=<day>/<shard>-after-<previous, padded to 56 digits>.<format>
//
// Under one prefix and day the keys of a shard sort in the order of the chain.
func (p Place) Key(prefix string, f Format) string {
	return p.shardDay(prefix) + p.Previous.Padded() + "." + string(f)
}

// shardDay is what the keys of all links of p's shard and day begin with.
func (p Place) shardDay(prefix string) string {
	return prefix + "dt=" + p.Day + "/" + p.Shard + after
}

const after = "-after-"

// ParseKey takes a key apart that [Place.Key] made under prefix. Anything else under the prefix is an error.
func ParseKey(prefix, key string) (Place, Format, error) {
	bad := fmt.Errorf("key %q is not <prefix>dt=<day>/<shard>%s<%d digits>.<format>", key, after, sequence.Digits)
	rest, ok := strings.CutPrefix(key, prefix+"dt=")
	day, name, ok2 := strings.Cut(rest, "/")
	at := strings.LastIndex(name, after)
	if _, err := time.Parse(time.DateOnly, day); !ok || !ok2 || err != nil || at <= 0 {
		return Place{}, "", bad
	}
	digits, ext, _ := strings.Cut(name[at+len(after):], ".")
	previous, err := sequence.Parse(digits)
	if err != nil || len(digits) != sequence.Digits {
		return Place{}, "", bad
	}
	for _, f := range formats {
		if string(f) == ext {
			return Place{Shard: name[:at], Previous: previous, Day: day}, f, nil
		}
	}
	return Place{}, "", bad
}
