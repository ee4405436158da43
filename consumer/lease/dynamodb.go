package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DynamoDB is the [Table] of one application in Amazon DynamoDB, billed on demand.
type DynamoDB struct {
	client      *dynamodb.Client
	name        string
	application Application // what Create would pin; after it, what is pinned
	former      former
}

// NewDynamoDB returns the table called name. pin is what the first start of the application records for all
// later ones. Nothing is read or written before
// [DynamoDB.Check].
func NewDynamoDB(client *dynamodb.Client, name string, pin Application) *DynamoDB {
	return &DynamoDB{client: client, name: name, application: pin, former: former{}}
}

// longestBackoff bounds the pauses between the SDK's tries of one call. Its own are seconds, and a heartbeat, with the read that may
// have to tell its outcome, has no more before the leases are lost.
const longestBackoff = 100 * time.Millisecond

func retrySoon(o *dynamodb.Options) {
	o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, longestBackoff)
}

// batch is how many rows one BatchGetItem may ask for (DynamoDB API reference).
const batch = 100

// Get implements [Table] by BatchGetItem. What DynamoDB leaves unprocessed is not in the answer.
func (t *DynamoDB) Get(ctx context.Context, consistent bool, keys ...string) (map[string]Item, error) {
	items := make(map[string]Item, len(keys))
	for part := range slices.Chunk(keys, batch) {
		asked := types.KeysAndAttributes{ConsistentRead: aws.Bool(consistent)}
		for _, k := range part {
			asked.Keys = append(asked.Keys, key(k))
		}
		out, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{t.name: asked}}, retrySoon)
		if err != nil {
			return nil, wrap("get", part[0], err)
		}
		for _, k := range part {
			items[k] = Item{}
		}
		for _, k := range out.UnprocessedKeys[t.name].Keys {
			delete(items, decode(k).key())
		}
		for _, attributes := range out.Responses[t.name] {
			item := decode(attributes)
			items[item.key()] = item
		}
	}
	return items, nil
}

// Scan implements [Table], by as many calls as it takes.
func (t *DynamoDB) Scan(ctx context.Context) ([]Item, error) { return t.scan(ctx, true) }

func (t *DynamoDB) scan(ctx context.Context, consistent bool) (items []Item, err error) {
	scan := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: &consistent})
	for scan.HasMorePages() {
		out, err := scan.NextPage(ctx)
		if err != nil {
			return nil, wrap("scan", t.name, err)
		}
		for _, attributes := range out.Items {
			items = append(items, decode(attributes))
		}
	}
	return items, nil
}

// Update implements [Table].
func (t *DynamoDB) Update(ctx context.Context, w Write) (Item, error) {
	e := newExpression(w)
	out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(w.Key), ReturnValues: types.ReturnValueAllNew,
		ConditionExpression: e.condition(), UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}, retrySoon)
	if err != nil {
		return nil, wrap("update", w.Key, err)
	}
	return decode(out.Attributes), nil
}

// Delete implements [Table].
func (t *DynamoDB) Delete(ctx context.Context, k string, conditions ...Condition) error {
	e := newExpression(Write{If: conditions})
	_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &t.name, Key: key(k), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	return wrap("delete", k, err)
}

// Rows reads the rows of all shards, consistently.
func (t *DynamoDB) Rows(ctx context.Context) (rows []Row, err error) {
	items, err := t.Scan(ctx)
	for _, item := range items {
		if isShard(item.key()) {
			rows = append(rows, decodeRow(item.key(), item))
		}
	}
	return rows, err
}

// Row reads one shard's row, consistently. If there is none, Exists reports false on what it returns.
func (t *DynamoDB) Row(ctx context.Context, shardID string) (Row, error) {
	return rows{t, Config{Duration: time.Minute}}.shard(ctx, shardID)
}

// Fleet is all workers and shards of an application.
type Fleet struct {
	Workers []WorkerRow // those that are not fenced
	Shards  []Row       // [Row.Owner] is the ID of a worker
}

// Fleet reads all rows by one Scan, which may show a state that is a second old.
func (t *DynamoDB) Fleet(ctx context.Context) (f Fleet, err error) {
	items, err := t.scan(ctx, false)
	for _, item := range items {
		if w, ok := decodeWorker(item.key(), item); ok && !w.fenced {
			f.Workers = append(f.Workers, w.WorkerRow)
		} else if isShard(item.key()) {
			f.Shards = append(f.Shards, decodeRow(item.key(), item))
		}
	}
	return f, err
}

var errBusy = errors.New("the lease table was too busy to read the row")

func wrap(verb, key string, err error) error {
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
	return fmt.Errorf("%s lease row %s: %w", verb, key, err)
}

func key(shardID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrShardID: &types.AttributeValueMemberS{Value: shardID}}
}
