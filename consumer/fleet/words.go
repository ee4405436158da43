package fleet

import (
	"fmt"
	"strings"

	"example.com/callevents/consumer/stall"
)

// reasonWords say in a few words why a shard stands still.
var reasonWords = map[stall.Reason]string{
	stall.KinesisDenied:      "Kinesis denies reading it",
	stall.KinesisFailing:     "Kinesis fails or does not answer",
	stall.S3Denied:           "S3 denies access",
	stall.S3Failing:          "S3 fails or does not answer",
	stall.S3Slow:             "S3 is too slow",
	stall.ForeignObject:      "another application's object is in the way",
	stall.BadObject:          "an object that is no link is in the way",
	stall.LocationUnreadable: "a former location cannot be read",
	stall.ParentUnreadable:   "its parent stands still",
	stall.TableFailing:       "the lease table fails or does not answer",
	stall.Internal:           "a fault of the program",
}

func wordsOf(r stall.Reason) string {
	if words, ok := reasonWords[r]; ok {
		return words
	}
	return string(r) // of a later version
}

// ShortName is a shard's number with four digits at the least, or its ID.
func ShortName(id string) string {
	n, ok := shardNumber(id)
	if !ok {
		return id
	}
	return strings.Repeat("0", max(0, 4-len(n))) + n
}

// names lists short names, the first few of many.
func names(ids []string) string {
	const most = 4
	var short []string
	for _, id := range ids[:min(len(ids), most)] {
		short = append(short, ShortName(id))
	}
	if more := len(ids) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(short, ", "), more)
	}
	if n := len(short); n > 1 {
		return strings.Join(short[:n-1], ", ") + " and " + short[n-1]
	}
	return strings.Join(short, "")
}

// verb is that of one thing or of several.
func verb(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}
