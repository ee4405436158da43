package lease_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/testenv"
)

// A table of the first version is taken over once no worker of that version writes it any more; and such a worker does not start
// there from then on, since it finds another stream. Seen to fail without either.
func TestATableOfTheFirstVersionIsTakenOverWhenItIsQuiet(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "first")
	table := onStream(client, name, "stream/1", "s3://b/one/")
	if err := start(t, table, 4); err != nil {
		t.Fatal(err)
	}
	put := func(attributes map[string]types.AttributeValue) {
		t.Helper()
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: attributes}); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	first := item(t, client, name)
	first["Stream"] = text("stream/1")
	put(first)
	renew := func(counter string) {
		put(map[string]types.AttributeValue{"ShardID": text("shardId-000000000000"), "AssignedTo": text("old"), "Checkpoint": text("17"),
			"LeaseCounter": &types.AttributeValueMemberN{Value: counter}, "LeaseDuration": text("1s")})
	}
	table = onStream(client, name, "stream/1", "s3://b/one/")
	for _, counter := range []string{"5", "6", "7"} {
		renew(counter)
		if err := table.Prepare(t.Context()); !startup.Passing(err) || !strings.Contains(err.Error(), "stop all of them") {
			t.Errorf("while a worker of the first version renews: %v", err)
		}
		time.Sleep(1100 * time.Millisecond)
	}
	if err := table.Prepare(t.Context()); err != nil {
		t.Errorf("after its lease duration: %v", err)
	}
	row, err := table.Row(t.Context(), "shardId-000000000000")
	if err != nil || row.Checkpoint != "17" || row.Owner != "old" {
		t.Errorf("%+v, %v", row, err)
	}
	// What the first version compares its stream with.
	if s, ok := item(t, client, name)["Stream"].(*types.AttributeValueMemberS); !ok || s.Value == "stream/1" {
		t.Errorf("the first version finds its stream: %v", s.Value)
	}
	if err := onStream(client, name, "stream/2", "s3://b/two/").Prepare(t.Context()); !errors.Is(err, lease.ErrOtherStream) {
		t.Errorf("another stream: %v", err)
	}
}

// The whole fleet from one Scan: workers with names, shards with the ids of workers.
func TestFleetResolvesOwnersToNames(t *testing.T) {
	name := testenv.Name(t, "fleet")
	table := newDynamoDB(t, name)
	if err := table.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, set := range map[string]lease.Item{
		"_worker/aaaaaaaa":     {"Name": "host-1", "Heartbeat": int64(7), "LeaseDuration": "10s", "Report": []byte("fine")},
		"_worker/bbbbbbbb":     {"Name": "host-2", "Heartbeat": int64(7), "LeaseDuration": "10s", "Fenced": int64(1)},
		"shardId-000000000000": {"AssignedTo": "aaaaaaaa", "LeaseCounter": int64(3), "Checkpoint": "17"},
		"_members":             {"Version": int64(4)},
	} {
		if _, err := table.Update(t.Context(), lease.Write{Key: key, Set: set}); err != nil {
			t.Fatal(err)
		}
	}
	fleet, err := table.Fleet(t.Context())
	if err != nil || len(fleet.Workers) != 1 || len(fleet.Shards) != 1 {
		t.Fatalf("%+v, %v", fleet, err)
	}
	w, s := fleet.Workers[0], fleet.Shards[0]
	if w.ID != s.Owner || w.Name != "host-1" || w.Heartbeat != 7 || w.Duration != 10*time.Second || string(w.Report) != "fine" || s.Checkpoint != "17" {
		t.Errorf("%+v, %+v", w, s)
	}
}
