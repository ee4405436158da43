package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/wait"
)

// Bounds of the wait for a new table to become ACTIVE, which takes some 10 s on AWS.
const (
	tableWait = 2 * time.Minute
	tablePoll = 250 * time.Millisecond
)

// DynamoDB is the [Table] of one application in Amazon DynamoDB, billed on demand.
type DynamoDB struct {
	client      *dynamodb.Client
	name        string
	application Application // what Create would pin; after it, what is pinned
}

// NewDynamoDB returns the table called name. pin is what the first start of the application records for all
// later ones. Nothing is read or written before [DynamoDB.Create].
func NewDynamoDB(client *dynamodb.Client, name string, pin Application) *DynamoDB {
	return &DynamoDB{client: client, name: name, application: pin}
}

// Create implements [Table]. It creates the table only if DynamoDB says that there is none; every other error of
// DescribeTable is returned. If the table is being deleted, Create waits for that and makes it again.
func (t *DynamoDB) Create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tableWait)
	defer cancel()
	for {
		described, err := t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.name})
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			err = t.createTable(ctx)
		case err == nil && !keyedByShard(described.Table):
			err = fmt.Errorf("table %s is not a lease table: its key is not %s; choose another --app", t.name, attrShardID)
		case err == nil && described.Table.TableStatus == types.TableStatusActive:
			return t.pin(ctx)
		}
		if err != nil {
			return fmt.Errorf("lease table %s: %w", t.name, err)
		}
		if err := wait.For(ctx, tablePoll); err != nil {
			return fmt.Errorf("lease table %s: not ready: %w", t.name, err)
		}
	}
}

func (t *DynamoDB) createTable(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            &t.name,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(attrShardID), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(attrShardID), KeyType: types.KeyTypeHash}},
	})
	var another *types.ResourceInUseException // another worker was first
	if err != nil && !errors.As(err, &another) {
		return fmt.Errorf("create: %w", err)
	}
	return nil
}

func keyedByShard(table *types.TableDescription) bool {
	return len(table.KeySchema) == 1 && aws.ToString(table.KeySchema[0].AttributeName) == attrShardID
}

// Rows implements [Table] by one consistent Scan, of as many calls as it takes.
func (t *DynamoDB) Rows(ctx context.Context) ([]Row, error) {
	var rows []Row
	scan := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true)})
	for scan.HasMorePages() {
		out, err := scan.NextPage(ctx)
		if err != nil {
			return nil, wrap("scan", t.name, err)
		}
		for _, item := range out.Items {
			if row := decode(item); row.ShardID != applicationKey {
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// Row implements [Table].
func (t *DynamoDB) Row(ctx context.Context, shardID string) (Row, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: key(shardID), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Row{}, wrap("get", shardID, err)
	}
	row := decode(out.Item)
	row.ShardID = shardID
	return row, nil
}

// Update implements [Table].
func (t *DynamoDB) Update(ctx context.Context, seen Row, set Set) (Row, error) {
	e := newExpression()
	e.expectVersion(seen)
	e.actions["ADD"] = []string{e.name(attrCounter) + " " + e.number(1)}
	for name, value := range set {
		if value == "" {
			e.actions["REMOVE"] = append(e.actions["REMOVE"], e.name(name))
		} else {
			e.actions["SET"] = append(e.actions["SET"], e.name(name)+" = "+e.text(value))
		}
	}
	out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(seen.ShardID), ReturnValues: types.ReturnValueAllNew,
		ConditionExpression: e.condition(), UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	if err != nil {
		return Row{}, wrap("update", seen.ShardID, err)
	}
	return decode(out.Attributes), nil
}

// Claim implements [Table].
func (t *DynamoDB) Claim(ctx context.Context, seen Row, claimant string) error {
	e := newExpression()
	e.expectVersion(seen)
	e.expect(attrClaim, seen.Claim)
	if claimant == "" {
		e.actions["REMOVE"] = []string{e.name(attrClaim)}
	} else {
		e.actions["SET"] = []string{e.name(attrClaim) + " = " + e.text(claimant)}
	}
	_, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(seen.ShardID), ConditionExpression: e.condition(), UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	return wrap("claim", seen.ShardID, err)
}

// Delete implements [Table].
func (t *DynamoDB) Delete(ctx context.Context, seen Row) error {
	e := newExpression()
	e.expectVersion(seen)
	_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &t.name, Key: key(seen.ShardID), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	return wrap("delete", seen.ShardID, err)
}

func wrap(verb, shardID string, err error) error {
	var refused *types.ConditionalCheckFailedException
	var missing *types.ResourceNotFoundException
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return ErrRefused
	case errors.As(err, &missing):
		return ErrTableMissing
	}
	return fmt.Errorf("%s lease row %s: %w", verb, shardID, err)
}

func key(shardID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrShardID: &types.AttributeValueMemberS{Value: shardID}}
}

func decode(item map[string]types.AttributeValue) Row {
	text := func(name string) string {
		if v, ok := item[name].(*types.AttributeValueMemberS); ok {
			return v.Value
		}
		return ""
	}
	row := Row{ShardID: text(attrShardID), Owner: text(attrOwner), Checkpoint: text(attrCheckpoint),
		CheckpointDay: text(attrDay), DayOfCheckpoint: text(attrDayOf),
		ParentShardID: text(attrParent), Claim: text(attrClaim), Timeout: text(attrTimeout)}
	if v, ok := item[attrCounter].(*types.AttributeValueMemberN); ok {
		row.Counter, _ = strconv.ParseInt(v.Value, 10, 64)
	}
	return row
}
