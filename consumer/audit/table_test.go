package audit_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
)

// The stream holds nothing any more, so only the lease table knows where a chain ends. Before it was read, all of this
// was well.
func TestTheLeaseTableKnowsTheEndsOfTheChains(t *testing.T) {
	broken := map[audit.Fault]int{audit.BrokenLinks: 1}
	for name, tc := range map[string]struct {
		damage    func(t *testing.T, w *world, table *audit.Table)
		want      map[audit.Fault]int
		unchecked string // how far the chains were
	}{
		"as it should be": {func(*testing.T, *world, *audit.Table) {}, nil, ""},
		"the newest object is gone": {func(t *testing.T, w *world, _ *audit.Table) {
			w.remove(t, w.keys["209"])
		}, broken, ""},
		"all objects of a chain are gone": {func(t *testing.T, w *world, _ *audit.Table) {
			w.removeChain(t, secondShard)
		}, broken, "(1 of 2 chains)"},
		"all objects of a shard that has ended are gone": {func(t *testing.T, w *world, table *audit.Table) {
			w.removeChain(t, secondShard)
			table.Checkpoints[secondShard] = audit.Checkpoint{End: true, Day: "2026-11-24"}
		}, broken, "(1 of 2 chains)"},
		"the last day of a shard that has ended is gone": {func(t *testing.T, w *world, table *audit.Table) {
			w.remove(t, w.keys["209"])
			table.Checkpoints[secondShard] = audit.Checkpoint{End: true, Day: "2026-11-25"}
		}, broken, "(1 of 2 chains)"},
		"a tip that goes on on another day": {func(t *testing.T, w *world, _ *audit.Table) {
			w.edit(t, w.keys["209"], metadata("next-day", "2026-11-25"))
		}, broken, ""},
		"a shard that has ended, and the table does not say where": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints[secondShard] = audit.Checkpoint{End: true, Day: "2026-11-24"}
		}, nil, "(1 of 2 chains)"},
		"a checkpoint that is behind": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints[secondShard] = audit.Checkpoint{Last: "209", Day: "2026-11-24"}
		}, nil, "(1 of 2 chains)"},
		"a row without a checkpoint": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints["shardId-000000000009"] = audit.Checkpoint{}
		}, nil, ""},
		"a shard that ended without a record": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints["shardId-000000000009"] = audit.Checkpoint{End: true, Day: warehouse.FirstDay}
		}, nil, ""},
		"a row of the stock library": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints["shardId-000000000009"] = audit.Checkpoint{Last: "900"}
		}, nil, "(2 of 3 chains)"},
		"a shard whose last object was as old as those that were removed": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Checkpoints["shardId-000000000009"] = audit.Checkpoint{Last: "900", Day: "2026-11-22"}
		}, nil, "(2 of 3 chains)"},
		"a link without records at the tip": {func(t *testing.T, w *world, _ *audit.Table) {
			w.commit(t, warehouse.Place{Shard: secondShard, Previous: "212", Day: "2026-11-24"}, "2026-11-25")
		}, nil, ""},
		"a chain without a row": {func(_ *testing.T, _ *world, table *audit.Table) {
			delete(table.Checkpoints, secondShard)
		}, nil, "(1 of 2 chains)"},
		"the table of another application": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Application = "other"
			table.Checkpoints[secondShard] = audit.Checkpoint{Last: "900", Day: "2026-11-24"}
		}, nil, "(0 of 2 chains), needs the lease table of application \"app\" on \"arn:stream@1\""},
		"the table of another stream": {func(_ *testing.T, _ *world, table *audit.Table) {
			table.Stream = "arn:stream@2"
		}, nil, "(0 of 2 chains), needs the lease table of application \"app\" on \"arn:stream@1\""},
		"no table": {func(_ *testing.T, _ *world, table *audit.Table) {
			*table = audit.Table{Missing: "the table"}
		}, nil, "(0 of 2 chains), needs the table"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, warehouse.NDJSON)
			table := w.table()
			tc.damage(t, w, table)
			r := w.run(t, func(cfg *audit.Config) { cfg.Table = table })
			check(t, "the table alone", r, tc.want)
			unchecked := ""
			if covered, ok := r.Unchecked[audit.BrokenLinks]; ok {
				unchecked = covered.String()
			}
			if unchecked != tc.unchecked {
				t.Errorf("checked %s, want %s", unchecked, tc.unchecked)
			}
		})
	}
}

// The stream covers the end of a chain where the table does not.
func TestTheStreamKnowsTheEndOfAChainThatItHolds(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	table := w.table()
	table.Checkpoints[firstShard] = audit.Checkpoint{End: true, Day: "2026-11-24"}
	table.Checkpoints[secondShard] = audit.Checkpoint{Last: "209", Day: "2026-11-24"}
	r := w.run(t, func(cfg *audit.Config) { w.everything(cfg); cfg.Table = table })
	if r.Verdict != audit.Well {
		t.Errorf("%s, %v, unchecked %v", r.Verdict, r.Details, r.Unchecked)
	}
}

func TestALocationThatIsNotReadIsTold(t *testing.T) {
	w := newWorld(t, warehouse.NDJSON)
	table := w.table()
	table.Locations = append(table.Locations, "s3://former/records/")
	r := w.run(t, func(cfg *audit.Config) { w.everything(cfg); cfg.Table = table })
	if want := []string{"s3://former/records/"}; r.Verdict != audit.Unchecked || !slices.Equal(r.Unread, want) ||
		!strings.Contains(strings.Join(r.Lines(), "\n"), `"s3://former/records/"`) {
		t.Errorf("%s, %q", r.Verdict, r.Unread)
	}
}

// What package lease writes is read here by other code.
func TestATableIsReadAsItWasWritten(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "table")
	if got, err := audit.ReadTable(t.Context(), client, name); err != nil || !strings.Contains(got.Missing, name) {
		t.Errorf("no table: %+v, %v", got, err)
	}
	written := lease.NewDynamoDB(client, name, lease.Application{InitialPosition: lease.TrimHorizon, Stream: "arn:stream@1", Locations: []string{"s3://b/r/", "s3://a/r/"}})
	if err := written.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := func(shard string, attributes map[string]string) {
		item := map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: shard}}
		for k, v := range attributes {
			item[k] = &types.AttributeValueMemberS{Value: v}
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(name), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	for shard, set := range map[string]map[string]string{
		firstShard: {"Checkpoint": "00123", "CheckpointDay": "2026-11-24"}, secondShard: {"Checkpoint": lease.ShardEnd, "CheckpointDay": "2026-11-23"},
		"tied": {"Checkpoint": "123", "CheckpointDay": "2026-11-24/123"}, "changed by hand": {"Checkpoint": "99", "CheckpointDay": "2026-11-24/123"},
		"tied to the end": {"Checkpoint": lease.ShardEnd, "CheckpointDay": "2026-11-24/" + lease.ShardEnd}, "no day": {"Checkpoint": "5", "CheckpointDay": "x"},
		"shardId-2": {"Checkpoint": lease.TrimHorizon}, "shardId-3": {"AssignedTo": "w"}, "_worker/1": {"Checkpoint": "9"},
	} {
		put(shard, set)
	}
	got, err := audit.ReadTable(t.Context(), client, name)
	want := map[string]audit.Checkpoint{firstShard: {Last: "123", Day: "2026-11-24"}, secondShard: {End: true, Day: "2026-11-23"}, "shardId-2": {}, "shardId-3": {},
		"tied": {Last: "123", Day: "2026-11-24"}, "changed by hand": {Last: "99"}, "tied to the end": {End: true, Day: "2026-11-24"}, "no day": {Last: "5"}}
	if err != nil || got.Missing != "" || got.Application != name || got.Stream != "arn:stream@1" ||
		!slices.Equal(got.Locations, []string{"s3://a/r/", "s3://b/r/"}) || !maps.Equal(got.Checkpoints, want) {
		t.Errorf("%+v, %v", got, err)
	}
	put("shardId-4", map[string]string{"Checkpoint": strings.Repeat("9", 60)})
	if got, err := audit.ReadTable(t.Context(), client, name); err == nil {
		t.Errorf("a checkpoint of 60 digits: %+v", got)
	}
}
