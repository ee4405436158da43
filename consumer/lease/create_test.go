package lease_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

var tenSeconds = lease.Config{Duration: 10 * time.Second, SyncInterval: time.Second}

// behind returns a client behind a proxy, and the proxy.
func behind(t *testing.T) (*dynamodb.Client, *faults.Proxy) {
	t.Helper()
	proxy, err := faults.Listen(testenv.DynamoDB(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return dynamodb.NewFromConfig(testenv.Config(proxy.URL())), proxy
}

func onStream(client *dynamodb.Client, name, stream, location string) *lease.DynamoDB {
	return lease.NewDynamoDB(client, name, lease.Application{InitialPosition: lease.TrimHorizon, Stream: stream, Locations: []string{location}})
}

// start does what a start of the consumer does with the table.
func start(t *testing.T, table *lease.DynamoDB, shards int) error {
	for {
		err := table.Check(t.Context(), tenSeconds, shards)
		if err == nil {
			err = table.Prepare(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), "it is being made") && !strings.Contains(err.Error(), "it is CREATING") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Seen to fail when the pin had no condition: the second application's location stood in the first one's row, which found
// foreign links there at its next start. Check alone, and the pin alone, must find it: somebody may be first in between.
func TestAStartOnAnotherStreamLeavesNothing(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "leases")
	first := onStream(client, name, "stream/1", "s3://b/one/")
	if err := start(t, first, 4); err != nil {
		t.Fatal(err)
	}
	before := item(t, client, name)
	second := onStream(client, name, "stream/2", "s3://b/two/")
	for call, err := range map[string]error{"Check": second.Check(t.Context(), tenSeconds, 4), "Prepare": second.Prepare(t.Context()),
		"Create": second.Create(t.Context())} {
		if !errors.Is(err, lease.ErrOtherStream) || startup.Passing(err) || !strings.Contains(err.Error(), "stream/1") {
			t.Errorf("%s: %v", call, err)
		}
	}
	if after := item(t, client, name); !maps.EqualFunc(before, after, sameAttribute) {
		t.Errorf("the row of the first application was %v, is %v", before, after)
	}
	if err := first.Create(t.Context()); err != nil || !slices.Equal(first.Application().Locations, []string{"s3://b/one/"}) {
		t.Errorf("next start of the first: %+v, %v", first.Application(), err)
	}
}

func sameAttribute(a, b types.AttributeValue) bool {
	return strings.TrimSpace(text(a)) == strings.TrimSpace(text(b))
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberSS:
		return strings.Join(slices.Sorted(slices.Values(v.Value)), ",")
	}
	return "?"
}

// item returns the application's row.
func item(t *testing.T, client *dynamodb.Client, table string) map[string]types.AttributeValue {
	t.Helper()
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: "_application"}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// Each kind of request that the run makes is made at the start: one that is denied ends the start with what to allow, and
// nothing is pinned; one that is throttled is waited for. Seen to fail without the requests of the probe.
func TestAStartMakesEachRequestOfTheRun(t *testing.T) {
	for _, operation := range []string{"DescribeTable", "CreateTable", "GetItem", "BatchGetItem", "Scan", "DeleteItem", "UpdateItem"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			client, proxy := behind(t)
			name := testenv.Name(t, "denied")
			if operation != "CreateTable" {
				if err := newDynamoDB(t, name).Create(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			table := onStream(client, name, "stream", "s3://b/two/")
			rule := proxy.Add(faults.Rule{Operation: operation, Fault: faults.JSONError(400, "AccessDeniedException")})
			if err := start(t, table, 4); err == nil || startup.Passing(err) || !strings.Contains(err.Error(), "allow dynamodb:"+operation+" on the table "+name) {
				t.Errorf("denied: %v", err)
			}
			rule.Remove()
			if operation != "CreateTable" && strings.Contains(text(item(t, client, name)["Layouts"]), "two") {
				t.Error("a start that was denied something has pinned its location")
			}
			rule = proxy.Add(faults.Rule{Operation: operation, Fault: faults.JSONError(400, "ThrottlingException")})
			if err := start(t, table, 4); !startup.Passing(err) {
				t.Errorf("throttled: %v", err)
			}
			rule.Remove()
			if err := start(t, table, 4); err != nil {
				t.Error(err)
			}
		})
	}
}

// bent changes a text in the answers.
func bent(old, new string) faults.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		whole := httptest.NewRecorder()
		pass.ServeHTTP(whole, r)
		w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
		w.WriteHeader(whole.Code)
		_, _ = w.Write(bytes.ReplaceAll(whole.Body.Bytes(), []byte(old), []byte(new)))
	}
}

// Seen to fail when anything but ACTIVE counts as not ready: a table that is UPDATING for an hour ended each start after
// two minutes, and so did one that nobody can use any more.
func TestAStartKnowsTheStatusOfTheTable(t *testing.T) {
	name := testenv.Name(t, "status")
	if err := newDynamoDB(t, name).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[string]string{
		"UPDATING": "", "CREATING": "passes", "DELETING": "passes",
		"INACCESSIBLE_ENCRYPTION_CREDENTIALS": "KMS key", "ARCHIVED": "KMS key",
	} {
		client, proxy := behind(t)
		proxy.Add(faults.Rule{Operation: "DescribeTable", Fault: bent(`"TableStatus":"ACTIVE"`, `"TableStatus":"`+status+`"`)})
		table := onStream(client, name, "stream", "bucket/prefix/")
		for call, err := range map[string]error{"Check": table.Check(t.Context(), tenSeconds, 4), "Prepare": table.Prepare(t.Context())} {
			switch {
			case want == "" && err != nil, want == "passes" && !startup.Passing(err),
				want == "KMS key" && (startup.Passing(err) || err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s of a table that is %s: %v", call, status, err)
			}
		}
	}
}

// A provisioned table works if it is large enough. Seen to fail when its capacity was not looked at.
func TestAProvisionedTableMustBeLargeEnough(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "provisioned")
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModeProvisioned,
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)},
		AttributeDefinitions:  []types.AttributeDefinition{{AttributeName: aws.String("ShardID"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:             []types.KeySchemaElement{{AttributeName: aws.String("ShardID"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table := onStream(client, name, "stream", "s3://b/one/")
	if err := start(t, table, 4); err != nil {
		t.Errorf("four shards: %v", err)
	}
	const want = "400 shards with --lease-duration 10s need 8 and 7"
	if err := start(t, table, 400); err == nil || startup.Passing(err) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "PAY_PER_REQUEST") {
		t.Errorf("400 shards: %v, want %q", err, want)
	}
}

// Seen to fail when any error of DescribeTable leads to a creation.
func TestTableThatCannotBeDescribedIsNotCreated(t *testing.T) {
	proxy, err := faults.Listen(testenv.DynamoDB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxy.Add(faults.Rule{Operation: "DescribeTable", Times: 3, Fault: faults.JSONError(500, "InternalServerError")}) // all tries
	table := lease.NewDynamoDB(dynamodb.NewFromConfig(testenv.Config(proxy.URL())), testenv.Name(t, "leases"), lease.Application{
		InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{"bucket/prefix/"}})
	if err := table.Create(t.Context()); err == nil || proxy.Counts()["CreateTable"] != 0 {
		t.Errorf("%v, after %v", err, proxy.Counts())
	}
}

// Seen to fail when the key is not looked at.
func TestTableOfAnotherKindIsAnError(t *testing.T) {
	client, name := testenv.DynamoDBClient(t), testenv.Name(t, "other")
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := newDynamoDB(t, name).Create(t.Context()); err == nil || !strings.Contains(err.Error(), "is not a lease table") {
		t.Errorf("a table with another key passes for a lease table: %v", err)
	}
}

// Seen to fail when a later start writes its own position, and when the stream is not compared.
func TestInitialPositionIsPinnedByTheFirstStart(t *testing.T) {
	name := testenv.Name(t, "pin")
	open := func(position, stream, location string) (lease.Application, error) {
		table := lease.NewDynamoDB(testenv.DynamoDBClient(t), name,
			lease.Application{InitialPosition: position, Stream: stream, Locations: []string{location}})
		err := table.Create(t.Context())
		return table.Application(), err
	}
	first := time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC)
	if _, err := open(first.Format(time.RFC3339Nano), "stream/1", "b/one/"); err != nil {
		t.Fatal(err)
	}
	second, err := open(lease.TrimHorizon, "stream/1", "b/two/")
	if err != nil || !second.Start().Equal(first) {
		t.Errorf("second start: %+v, %v; want the position of the first, %v", second, err, first)
	}
	if len(second.Locations) != 2 {
		t.Errorf("locations %v: want both", second.Locations)
	}
	if _, err := open(lease.TrimHorizon, "stream/2", "b/two/"); !errors.Is(err, lease.ErrOtherStream) {
		t.Errorf("start on a recreated stream: %v", err)
	}
}
