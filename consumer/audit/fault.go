package audit

// Fault is one kind of damage. Its text is its name in JSON.
type Fault string

const (
	Lost             Fault = "lost"                // in the ledger or the stream, but in no object and no dead letter
	Duplicates       Fault = "duplicates"          // there more often than in the stream, or than the producer can have put it
	OutOfOrder       Fault = "out_of_order"        // after a record of its shard that has a later sequence number
	Misplaced        Fault = "misplaced"           // in an object of another shard or range than its sequence number
	UserIDNotInteger Fault = "user_id_not_integer" // a line whose user.user_id is no JSON integer inside int64
	NotJSON          Fault = "not_json"            // a line that is no JSON document
	BrokenLinks      Fault = "broken_links"        // a link that does not begin where the one before it ends
	WrongCounts      Fault = "wrong_counts"        // an object with more or fewer lines than its metadata says
	Unreadable       Fault = "unreadable"          // an object that cannot be decoded to its end
	Foreign          Fault = "foreign"             // an object under the prefix that is no link
	DeadLetterFaults Fault = "dead_letter_faults"  // missing, of no link, or not as many or not those the link says
)

// faultTexts are all faults in the order of the report, in words, and what they need to be found.
var faultTexts = []struct {
	fault Fault
	needs string
	text  string
}{
	{Lost, needsEither, "lost"},
	{Duplicates, "", "duplicates"},
	{OutOfOrder, needsEither, "out of order within a shard"},
	{Misplaced, needsLedger, "in the wrong object"},
	{UserIDNotInteger, "", "user_id not an integer"},
	{NotJSON, "", "lines that are not JSON"},
	{BrokenLinks, "", "broken chain links"},
	{WrongCounts, "", "objects with another number of records than they say"},
	{Unreadable, "", "objects that cannot be decoded"},
	{Foreign, "", "objects that are no links"},
	{DeadLetterFaults, "", "dead letters that do not match their links"},
}

const (
	needsLedger = "a ledger"
	needsEither = "a ledger or the stream"
)
