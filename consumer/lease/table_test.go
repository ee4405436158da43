package lease_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
)

// The contract of lease.Table, for the table in memory that the simulations use and for DynamoDB. Seen to fail without any one
// kind of condition, when an empty attribute is not as good as an absent one, when Create does not wait for ACTIVE, and
// when Get or Scan makes one call.
func TestTableContract(t *testing.T) {
	tables := map[string]func(t *testing.T) lease.Table{
		"memory":   func(*testing.T) lease.Table { return newMemory() },
		"dynamodb": func(t *testing.T) lease.Table { return newDynamoDB(t, testenv.Name(t, "leases")) },
	}
	for name, open := range tables {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			table := open(t)
			if err := errors.Join(table.Create(ctx), table.Create(ctx)); err != nil {
				t.Fatalf("creating twice must be harmless: %v", err)
			}
			testConditions(t, table)
			testChanges(t, table)
			testManyRows(t, ctx, table)
		})
	}
}

func newDynamoDB(t testing.TB, name string) *lease.DynamoDB {
	return lease.NewDynamoDB(testenv.DynamoDBClient(t), name, lease.Application{
		InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{"bucket/prefix/"}})
}

// testConditions tries every condition against a row that has a text, a number and a set, and against one that is not there.
func testConditions(t *testing.T, table lease.Table) {
	ctx := t.Context()
	const n, s = int64(7), "a"
	if _, err := table.Update(ctx, lease.Write{Key: "there", Set: lease.Item{"Text": s, "Number": n}, Add: lease.Item{"Names": []string{"x", "y"}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		condition     lease.Condition
		there, absent bool
	}{
		{lease.Condition{Kind: lease.Present}, true, false},
		{lease.Condition{Kind: lease.Absent}, false, true},
		{lease.Condition{Kind: lease.Equals, Name: "Text", Value: s}, true, false},
		{lease.Condition{Kind: lease.Equals, Name: "Text", Value: "b"}, false, false},
		{lease.Condition{Kind: lease.Equals, Name: "Text", Value: ""}, false, true},
		{lease.Condition{Kind: lease.Equals, Name: "None", Value: ""}, true, true},
		{lease.Condition{Kind: lease.Equals, Name: "Number", Value: n}, true, false},
		{lease.Condition{Kind: lease.Equals, Name: "Number", Value: n + 1}, false, false},
		{lease.Condition{Kind: lease.Equals, Name: "Number", Value: int64(0)}, false, true},
		{lease.Condition{Kind: lease.Equals, Name: "None", Value: int64(0)}, true, true},
		{lease.Condition{Kind: lease.Contains, Name: "Names", Value: "x"}, true, false},
		{lease.Condition{Kind: lease.Contains, Name: "Names", Value: "z"}, false, false},
		{lease.Condition{Kind: lease.Lacks, Name: "Names", Value: "x"}, false, true},
		{lease.Condition{Kind: lease.Lacks, Name: "Names", Value: "z"}, true, true},
		{lease.Condition{Kind: lease.Lacks, Name: "None", Value: "z"}, true, true},
	} {
		for key, want := range map[string]bool{"there": c.there, "absent": c.absent} {
			w := lease.Write{Key: key, If: []lease.Condition{c.condition, {Kind: lease.Equals, Name: "None", Value: ""}}, Add: lease.Item{"Writes": int64(1)}}
			if _, err := table.Update(ctx, w); (err == nil) != want || err != nil && !errors.Is(err, lease.ErrRefused) {
				t.Errorf("row %s, %+v: %v", key, c.condition, err)
			}
			if key == "absent" {
				if err := table.Delete(ctx, key); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !c.there {
			if err := table.Delete(ctx, "there", c.condition); !errors.Is(err, lease.ErrRefused) {
				t.Errorf("delete if %+v: %v", c.condition, err)
			}
		}
	}
	for range 2 {
		if err := table.Delete(ctx, "there"); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}

// testChanges makes changes one after the other. Each answer, and a read after it, must be the whole row.
func testChanges(t *testing.T, table lease.Table) {
	for _, step := range []struct {
		w    lease.Write
		want lease.Item
	}{
		{lease.Write{Set: lease.Item{"A": "1", "B": []byte{0, 255}, "N": int64(5)}}, lease.Item{"A": "1", "B": []byte{0, 255}, "N": int64(5)}},
		{lease.Write{Set: lease.Item{"A": "", "N": int64(6)}, Add: lease.Item{"M": int64(3)}}, lease.Item{"B": []byte{0, 255}, "N": int64(6), "M": int64(3)}},
		{lease.Write{Set: lease.Item{"B": "", "N": ""}, Add: lease.Item{"M": int64(1), "S": []string{"y"}}}, lease.Item{"M": int64(4), "S": []string{"y"}}},
		{lease.Write{Add: lease.Item{"S": []string{"x", "y"}}}, lease.Item{"M": int64(4), "S": []string{"x", "y"}}},
		{lease.Write{Drop: lease.Item{"S": []string{"y", "z"}}, Add: lease.Item{"M": int64(1)}}, lease.Item{"M": int64(5), "S": []string{"x"}}},
		{lease.Write{Drop: lease.Item{"S": []string{"x"}}}, lease.Item{"M": int64(5)}},
	} {
		step.w.Key, step.want["ShardID"] = "changing", "changing"
		got, err := table.Update(t.Context(), step.w)
		if err != nil || !reflect.DeepEqual(got, step.want) {
			t.Errorf("%+v: %v, %v; want %v", step.w, got, err, step.want)
		}
		for _, consistent := range []bool{true, false} {
			read, err := table.Get(t.Context(), consistent, "changing", "none")
			if none, answered := read["none"]; err != nil || !reflect.DeepEqual(read["changing"], step.want) || !answered || len(none) > 0 {
				t.Errorf("read after %+v: %v, %v", step.w, read, err)
			}
		}
	}
	for _, names := range [][]string{{}, {"x", "y", "x"}} {
		if _, err := table.Update(t.Context(), lease.Write{Key: "changing", Add: lease.Item{"S": names}}); err == nil || errors.Is(err, lease.ErrRefused) {
			t.Errorf("a set of %q is added: %v", names, err)
		}
	}
	if _, err := table.Get(t.Context(), true, "changing", "changing"); err == nil {
		t.Error("a row is read twice at a time")
	}
	if err := table.Delete(t.Context(), "changing"); err != nil {
		t.Error(err)
	}
}

func testManyRows(t *testing.T, ctx context.Context, table lease.Table) {
	const n = 120
	large := strings.Repeat("x", 10_000) // one call of Scan returns at most 1 MB, one of BatchGetItem 100 rows
	want := map[string]bool{}
	for i := range n {
		key := fmt.Sprint("many-", i)
		want[key] = true
		if _, err := table.Update(ctx, lease.Write{Key: key, Set: lease.Item{"Text": large}}); err != nil {
			t.Fatal(err)
		}
	}
	items, err := table.Scan(ctx)
	found := map[string]bool{}
	for _, i := range items {
		if key := i["ShardID"].(string); !strings.HasPrefix(key, "_") {
			found[key] = true
		}
	}
	if err != nil || !maps.Equal(found, want) {
		t.Errorf("scan: %d rows, %v; want %d", len(found), err, n)
	}
	got, err := table.Get(ctx, true, slices.Sorted(maps.Keys(want))...)
	if err != nil || len(got) != n || got["many-7"]["Text"] != large {
		t.Errorf("get: %d rows, %v; want %d", len(got), err, n)
	}
}

// Seen to fail with provisioned capacity.
func TestTableIsBilledOnDemand(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "leases")
	if err := newDynamoDB(t, name).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil || out.Table.BillingModeSummary == nil || out.Table.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("table %+v, %v", out, err)
	}
}
