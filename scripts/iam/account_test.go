package iam_test

import (
	"slices"
	"testing"
)

// theirs is the stream of another account, of which the roles of ours read.
const theirs = "arn:aws:kinesis:eu-north-1:OWNER_ID:stream/AForB_callevents"

// moved is a role's policy for the stream of the other account: the one change that docs/operations.md asks for.
func moved(policy []statement) (changed []statement) {
	for _, s := range policy {
		s.Resource = slices.Clone(s.Resource)
		for i, resource := range s.Resource {
			if resource == stream {
				s.Resource[i] = theirs
			}
		}
		changed = append(changed, s)
	}
	return changed
}

// Between two accounts both sides must allow a request. Before, there was no policy for the owner of the stream. Seen to
// fail when the owner's side lacked ListShards.
func TestBothAccountsAllowWhatTheRolesNeedOfTheStream(t *testing.T) {
	owners := read(t, "stream-policy.json")
	for _, action := range []string{"DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords", "PutRecords", "DeleteStream", "PutResourcePolicy"} {
		var got []string
		for _, program := range []string{"consumer", "redrive", "verify"} {
			r := request{role: "arn:aws:iam::ACCOUNT_ID:role/callevents-" + program, action: "kinesis:" + action, resource: theirs}
			ours := allowed(t, moved(read(t, program+".json")), r)
			if ours && !allowed(t, owners, r) {
				t.Errorf("%s: the owner's policy does not allow %s", program, action)
			}
			if ours {
				got = append(got, program)
			}
			stranger := r
			stranger.role = "arn:aws:iam::ANOTHER_ID:role/callevents-" + program
			if allowed(t, owners, stranger) {
				t.Errorf("%s is allowed to a role of a third account", action)
			}
		}
		want := map[string][]string{"DescribeStreamSummary": {"consumer"}, "PutRecords": {"redrive"}, "ListShards": {"consumer", "verify"},
			"GetShardIterator": {"consumer", "verify"}, "GetRecords": {"consumer", "verify"}}[action]
		if !slices.Equal(got, want) {
			t.Errorf("%s is allowed to %q, want %q", action, got, want)
		}
	}
}
