package lease_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
)

// Rows as vmware-go-kcl-v2 writes them can be acquired, unless they have changed since they were read. Seen to fail
// without the condition on the timeout, and when an attribute that is empty must be absent: a checkpoint of the
// library that comes after its release writes an empty owner.
func TestRowsOfTheStockLibraryAreAcquiredAsTheyAre(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "stock")
	table := newDynamoDB(t, name)
	if err := table.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := func(shard string, attributes map[string]string) lease.Row {
		t.Helper()
		item := map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: shard}}
		for name, value := range attributes {
			item[name] = &types.AttributeValueMemberS{Value: value}
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
			t.Fatal(err)
		}
		row, err := table.Row(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	acquire := func(seen lease.Row) (lease.Row, error) {
		item, err := table.Update(t.Context(), lease.Write{Key: seen.ShardID, If: seen.Unchanged(),
			Set: lease.Item{"AssignedTo": "ours"}, Add: lease.Item{"LeaseCounter": int64(1)}})
		return lease.DecodeRow(seen.ShardID, item), err
	}
	const soon, later = "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:05.5Z"
	for shard, attributes := range map[string]map[string]string{
		"held":           {"AssignedTo": "stock", "LeaseTimeout": soon, "Checkpoint": "17", "ParentShardId": "p"},
		"no checkpoint":  {"AssignedTo": "stock", "LeaseTimeout": soon},
		"claimed":        {"AssignedTo": "stock", "LeaseTimeout": soon, "Checkpoint": "17", "ClaimRequest": "other"},
		"released":       {"LeaseTimeout": soon, "Checkpoint": "17"},
		"late":           {"AssignedTo": "", "LeaseTimeout": soon, "Checkpoint": "17"},
		"empty timeout":  {"AssignedTo": "stock", "LeaseTimeout": "", "Checkpoint": "17"},
		"only finished":  {"Checkpoint": lease.ShardEnd},
		"claim is empty": {"AssignedTo": "stock", "LeaseTimeout": soon, "ClaimRequest": ""},
	} {
		t.Run(shard, func(t *testing.T) {
			seen := put(shard, attributes)
			acquired, err := acquire(seen)
			if err != nil || acquired.Owner != "ours" || acquired.Counter != 1 || acquired.Checkpoint != attributes["Checkpoint"] {
				t.Errorf("acquire: %+v, %v", acquired, err)
			}
			if _, err := acquire(seen); !errors.Is(err, lease.ErrRefused) {
				t.Errorf("acquire a row that has a counter by now: %v", err)
			}
		})
	}
	seen := put("renewed", map[string]string{"AssignedTo": "stock", "LeaseTimeout": soon})
	put("renewed", map[string]string{"AssignedTo": "stock", "LeaseTimeout": later})
	if _, err := acquire(seen); !errors.Is(err, lease.ErrRefused) {
		t.Errorf("acquire a row that was renewed: %v", err)
	}
}
