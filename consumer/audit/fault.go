package audit

// Fault is one kind of damage. Its text is its name in JSON.
type Fault string

const (
	Lost             Fault = "lost"                // in the ledger or the stream, but in no object and no dead letter
	Duplicates       Fault = "duplicates"          // there more often than in the stream, or than the producer can have put it
	Altered          Fault = "altered"             // in its place, but not as the stream has it
	OutOfOrder       Fault = "out_of_order"        // after a record of its shard that has a later sequence number
	Misplaced        Fault = "misplaced"           // in an object of another shard or range than its sequence number
	WrongDay         Fault = "wrong_day"           // in the partition of an earlier day than it arrived on, or of a later day without a reason
	UserIDNotInteger Fault = "user_id_not_integer" // a line whose user.user_id is no JSON integer inside int64
	NotJSON          Fault = "not_json"            // a line that is no JSON document
	BrokenLinks      Fault = "broken_links"        // a link that does not begin where the one before it ends, or a chain without its end
	WrongCounts      Fault = "wrong_counts"        // an object with more or fewer lines than its metadata says
	Unreadable       Fault = "unreadable"          // an object that cannot be decoded to its end
	Foreign          Fault = "foreign"             // an object under the prefix that is no link
	DeadLetterFaults Fault = "dead_letter_faults"  // missing, of no link, or not those the link or the stream says
)

// checks are all faults in the order of the report, in words, and how far each was looked for.
var checks = []struct {
	fault   Fault
	text    string
	covered func(*Report) Coverage
}{
	{Lost, "lost", func(r *Report) Coverage { return r.links().or(r.ledgered(r.known)) }},
	{Duplicates, "duplicates", func(r *Report) Coverage { return r.records(r.all()-r.blind, "the stream") }},
	{Altered, "altered", func(r *Report) Coverage { return r.links() }},
	{OutOfOrder, "out of order within a shard", func(r *Report) Coverage { return r.links().or(r.ledgered(r.certain)) }},
	{Misplaced, "in the wrong object", func(r *Report) Coverage { return r.links().or(r.ledgered(r.certain)) }},
	{WrongDay, "in the partition of another day", func(r *Report) Coverage { return r.links() }},
	{UserIDNotInteger, "user_id not an integer", always},
	{NotJSON, "lines that are not JSON", always},
	{BrokenLinks, "broken chain links", func(r *Report) Coverage { return r.chains }},
	{WrongCounts, "objects with another number of records than they say", always},
	{Unreadable, "objects that cannot be decoded", always},
	{Foreign, "objects that are no links", always},
	{DeadLetterFaults, "dead letters that do not match their links", func(r *Report) Coverage { return r.letters() }},
}

func always(*Report) Coverage { return Coverage{} }
