package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
	application Application // what Create pins; replaced by what is pinned
}

// NewDynamoDB returns the table called name. pin is what the first start of the application records for all
// later ones. Nothing is read or written before [DynamoDB.Create].
func NewDynamoDB(client *dynamodb.Client, name string, pin Application) *DynamoDB {
	return &DynamoDB{client: client, name: name, application: pin}
}

// Create implements [Table]. Only "not found" leads to a creation: a table that cannot be described for another
// reason is an error. A table that is being deleted is waited for, and made again.
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
		if !sleep(ctx, tablePoll, nil) {
			return fmt.Errorf("lease table %s: not ready: %w", t.name, ctx.Err())
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

// Rows implements [Table] by one paged, consistent Scan.
func (t *DynamoDB) Rows(ctx context.Context) ([]Row, error) {
	var rows []Row
	pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("scan", t.name, err)
		}
		for _, item := range page.Items {
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
	row := Row{ShardID: text(attrShardID), Owner: text(attrOwner), Checkpoint: text(attrCheckpoint), CheckpointDay: text(attrDay),
		ParentShardID: text(attrParent), Claim: text(attrClaim), Timeout: text(attrTimeout)}
	if v, ok := item[attrCounter].(*types.AttributeValueMemberN); ok {
		row.Counter, _ = strconv.ParseInt(v.Value, 10, 64)
	}
	return row
}

// expression collects the placeholders of one conditional write.
type expression struct {
	names      map[string]string
	values     map[string]types.AttributeValue
	conditions []string
	actions    map[string][]string // SET, ADD, REMOVE
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, actions: map[string][]string{}}
}

// expectVersion is the fence: a row that is absent must still be absent; any other must carry the counter and the
// owner that were seen; a row of the stock library, which has no counter, the timeout that was seen.
func (e *expression) expectVersion(seen Row) {
	if !seen.Exists() {
		e.conditions = append(e.conditions, "attribute_not_exists("+e.name(attrShardID)+")")
		return
	}
	e.expect(attrOwner, seen.Owner)
	if seen.Counter != 0 {
		e.conditions = append(e.conditions, e.name(attrCounter)+" = "+e.number(seen.Counter))
		return
	}
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name(attrCounter)+")")
	e.expect(attrTimeout, seen.Timeout)
}

// expect takes an attribute that is empty for absent, as decode does: the stock library writes an empty owner when a
// checkpoint comes after its release.
func (e *expression) expect(name, value string) {
	if value == "" {
		e.conditions = append(e.conditions, "(attribute_not_exists("+e.name(name)+") OR "+e.name(name)+" = "+e.text("")+")")
		return
	}
	e.conditions = append(e.conditions, e.name(name)+" = "+e.text(value))
}

func (e *expression) name(attribute string) string {
	e.names["#"+attribute] = attribute
	return "#" + attribute
}

func (e *expression) text(v string) string { return e.value(&types.AttributeValueMemberS{Value: v}) }

func (e *expression) number(v int64) string {
	return e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)})
}

func (e *expression) value(v types.AttributeValue) string {
	if e.values == nil {
		e.values = map[string]types.AttributeValue{}
	}
	placeholder := ":v" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) condition() *string { return aws.String(strings.Join(e.conditions, " AND ")) }

func (e *expression) update() *string {
	var parts []string
	for verb, actions := range e.actions {
		parts = append(parts, verb+" "+strings.Join(actions, ", "))
	}
	return aws.String(strings.Join(parts, " "))
}
