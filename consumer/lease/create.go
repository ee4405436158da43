package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/wait"
)

// Bounds of the wait for a new table to become ACTIVE, which takes some 10 s on AWS.
const (
	tableWait = 2 * time.Minute
	tablePoll = 250 * time.Millisecond
)

// Check looks at the table and writes nothing: is it a lease table, of this stream, and does it have the capacity for so
// many shards. A table that does not exist passes. Errors that pass by themselves are [startup.Passing], all others say
// what to do.
func (t *DynamoDB) Check(ctx context.Context, cfg Config, shards int) error {
	table, err := t.describe(ctx)
	if err != nil || table == nil {
		return err
	}
	if err := t.checkCapacity(table, cfg, shards); err != nil {
		return err
	}
	pinned, err := t.pinned(ctx)
	if err != nil {
		return err
	}
	return t.checkStream(pinned)
}

// Prepare makes the table and pins the application, in one attempt: while the table is being made or deleted, the error
// is [startup.Passing]. Before it pins anything it makes each kind of request that the run makes, and leaves nothing.
func (t *DynamoDB) Prepare(ctx context.Context) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	if err := startup.All(t.Tries())(ctx); err != nil {
		return err
	}
	return t.pin(ctx)
}

// Create implements [Table]. It creates the table only if DynamoDB says that there is none; every other error of
// DescribeTable is returned. If the table is being deleted, Create waits for that and makes it again.
func (t *DynamoDB) Create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tableWait)
	defer cancel()
	for {
		err := t.ready(ctx)
		if err == nil {
			err = t.pin(ctx)
		}
		if !errors.Is(err, errNotReady) || wait.For(ctx, tablePoll) != nil {
			return err
		}
	}
}

// Exists reports whether there is a table.
func (t *DynamoDB) Exists(ctx context.Context) (bool, error) {
	table, err := t.describe(ctx)
	return table != nil, err
}

// errNotReady is within a [startup.NotYet].
var errNotReady = errors.New("not ready")

// ready returns nil if rows can be read and written. If there is no table, it makes one, which is not ready at once.
func (t *DynamoDB) ready(ctx context.Context) error {
	table, err := t.describe(ctx)
	if err != nil || table != nil {
		return err
	}
	if err := t.createTable(ctx); err != nil {
		return err
	}
	return startup.NotYet("lease table %s is %w: it is being made", t.name, errNotReady)
}

// describe returns the table, or nil if there is none. A table that cannot be used is an error. One that is UPDATING
// can be used: its rows are read and written as ever (DynamoDB developer guide).
func (t *DynamoDB) describe(ctx context.Context) (*types.TableDescription, error) {
	out, err := t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.name})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, t.explain("describe", "DescribeTable", err)
	case !keyedByShard(out.Table):
		return nil, fmt.Errorf("table %s is not a lease table: its key is not the text %s; choose another --app", t.name, attrShardID)
	}
	switch status := out.Table.TableStatus; status {
	case types.TableStatusActive, types.TableStatusUpdating:
		return out.Table, nil
	case types.TableStatusCreating, types.TableStatusDeleting:
		return nil, startup.NotYet("lease table %s is %w: it is %s", t.name, errNotReady, status)
	default: // its key is not accessible, or it was archived because of that
		return nil, fmt.Errorf("lease table %s is %s: give access to its KMS key again, or delete the table or choose another --app; "+
			"positions come from the objects", t.name, status)
	}
}

func keyedByShard(table *types.TableDescription) bool {
	return len(table.KeySchema) == 1 && aws.ToString(table.KeySchema[0].AttributeName) == attrShardID &&
		slices.ContainsFunc(table.AttributeDefinitions, func(a types.AttributeDefinition) bool {
			return aws.ToString(a.AttributeName) == attrShardID && a.AttributeType == types.ScalarAttributeTypeS
		})
}

func (t *DynamoDB) createTable(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            &t.name,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(attrShardID), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(attrShardID), KeyType: types.KeyTypeHash}},
	})
	var another *types.ResourceInUseException // another worker was first
	if errors.As(err, &another) {
		return nil
	}
	return t.explain("create", "CreateTable", err)
}

// checkCapacity finds a provisioned table that is too small even for one worker at rest: its renewals would be
// throttled, and leases lost, for ever.
func (t *DynamoDB) checkCapacity(table *types.TableDescription, cfg Config, shards int) error {
	onDemand := table.BillingModeSummary != nil && table.BillingModeSummary.BillingMode == types.BillingModePayPerRequest
	if onDemand || table.ProvisionedThroughput == nil {
		return nil
	}
	reads, writes := cfg.capacity(shards)
	has := table.ProvisionedThroughput
	if aws.ToInt64(has.ReadCapacityUnits) >= reads && aws.ToInt64(has.WriteCapacityUnits) >= writes {
		return nil
	}
	return fmt.Errorf("lease table %s has %d read and %d write capacity units; %d shards with --lease-duration %v need %d and %d, and each "+
		"further instance needs as much again for itself: aws dynamodb update-table --table-name %s --billing-mode PAY_PER_REQUEST",
		t.name, aws.ToInt64(has.ReadCapacityUnits), aws.ToInt64(has.WriteCapacityUnits), shards, cfg.Duration, reads, writes, t.name)
}

// explain says what to do about an error of a call. It returns nil for nil.
func (t *DynamoDB) explain(verb, action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s lease table %s: %w", verb, t.name, startup.Explain(err, "dynamodb:"+action+" on the table "+t.name))
}
