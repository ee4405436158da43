package reference

import "example.com/callevents/shared/hashkey"

// Outcome is what one user record should have become: a line, or a dead letter with a reason.
type Outcome struct {
	Line   []byte // without a line feed; nil if there is a reason
	Reason string // as it stands in a dead letter; empty if there is a line
	Data   []byte // what the dead letter holds

	// Of a user record from a container, for its dead letter.
	SubSequence     int    // its place there; 0 for any other record
	PartitionKey    []byte // nil: that of the stream's record
	ExplicitHashKey []byte // nil: none

	Count int // of user records that are in one dead letter as a whole; 0: it is one
}

// maxLettersBytes is how much the dead letters of one record may take. Those of a container that need more are one.
const maxLettersBytes = 32 << 20

// Outcomes judges one record of a shard with those hash keys: one user record, or a container of many. While a stream
// distributes records itself, a shard has all hash keys.
func Outcomes(data []byte, shard hashkey.Range) []Outcome {
	users, ok := userRecords(data, shard)
	if !ok {
		return []Outcome{outcome(userRecord{data: data})}
	}
	var outcomes []Outcome
	letters := 0
	for _, user := range users {
		o := outcome(user)
		if o.Reason != "" {
			letters += letterBytes(user)
		}
		outcomes = append(outcomes, o)
	}
	if letters > maxLettersBytes {
		return []Outcome{{Reason: containerOverflow, Data: data, Count: len(users)}}
	}
	return outcomes
}

func outcome(user userRecord) Outcome {
	o := Outcome{Reason: user.reason, Data: user.data, SubSequence: user.place, PartitionKey: user.partitionKey, ExplicitHashKey: user.hashKey}
	if o.Reason == "" {
		o.Line, o.Reason = Line(user.data)
	}
	return o
}

// letterBytes is the estimate for one dead letter: 384 bytes for names, numbers and times, 6 for each byte of the
// partition key, and the data in base64.
func letterBytes(user userRecord) int {
	base64 := (len(user.data) + 2) / 3 * 4
	return 384 + 6*len(user.partitionKey) + base64
}
