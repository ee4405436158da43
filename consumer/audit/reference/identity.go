package reference

import (
	"regexp"
	"strconv"

	"example.com/callevents/shared/hashkey"
)

// Identity is what a partition key says of the record, or of the first one of a container.
type Identity struct {
	Run, Lane, Number uint64
	Again             bool // the producer may have sent it before
}

// identityKey is the one form: three numbers in base 36 without leading zeros, and perhaps a mark.
var identityKey = regexp.MustCompile(`^~1\.(0|[1-9a-z][0-9a-z]{0,12})\.(0|[1-9a-z][0-9a-z]{0,12})\.([1-9a-z][0-9a-z]{0,12})(\.r)?$`)

// IdentityOf reads a partition key of a record of a shard with those hash keys. ok is false if it is no identity, or that of a
// lane of another shard.
func IdentityOf(partitionKey string, shard hashkey.Range) (id Identity, ok bool) {
	if len(partitionKey) == 0 || partitionKey[0] != '~' {
		return Identity{}, false // regular expressions are slow
	}
	parts := identityKey.FindStringSubmatch(partitionKey)
	if parts == nil {
		return Identity{}, false
	}
	for i, number := range []*uint64{&id.Run, &id.Lane, &id.Number} {
		n, err := strconv.ParseUint(parts[i+1], 36, 64)
		if err != nil {
			return Identity{}, false
		}
		*number = n
	}
	id.Again = parts[4] != ""
	return id, shard.Contains(hashkey.FromWords(id.Lane, 0))
}
