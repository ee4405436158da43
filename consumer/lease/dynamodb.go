package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DynamoDB is the [Table] of one application in Amazon DynamoDB, billed on demand.
type DynamoDB struct {
	client      *dynamodb.Client
	name        string
	application Application // what Create would pin; after it, what is pinned
}

// NewDynamoDB returns the table called name. pin is what the first start of the application records for all
// later ones. Nothing is read or written before
// [DynamoDB.Check].
func NewDynamoDB(client *dynamodb.Client, name string, pin Application) *DynamoDB {
	return &DynamoDB{client: client, name: name, application: pin}
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
		ParentShardID: text(attrParent), Claim: text(attrClaim), Timeout: text(attrTimeout), Duration: text(attrDuration)}
	if v, ok := item[attrCounter].(*types.AttributeValueMemberN); ok {
		row.Counter, _ = strconv.ParseInt(v.Value, 10, 64)
	}
	return row
}
