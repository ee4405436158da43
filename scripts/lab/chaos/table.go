package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/sequence"
)

// deleteTable deletes the lease table. The consumers make another.
func deleteTable(ctx context.Context, f *fault) error {
	f.outages[onDynamoDB].Lock()
	defer f.outages[onDynamoDB].Unlock()
	f.tableLost.Store(true)
	f.begins("")
	_, err := f.services.DynamoDB.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(leaseTable)})
	if missing := new(types.ResourceNotFoundException); errors.As(err, &missing) {
		return errors.New("it is missing already")
	}
	return err
}

// rewind sets the checkpoint of a shard back to the beginning of the shard, as somebody may do by hand.
func rewind(ctx context.Context, f *fault) error {
	shards, err := f.services.shards(ctx)
	if err != nil {
		return err
	}
	shard := shards[f.rng.IntN(len(shards))]
	start, err := sequence.Parse(*shard.SequenceNumberRange.StartingSequenceNumber)
	if err != nil {
		return err
	}
	return f.edit(ctx, *shard.ShardId, "Checkpoint", start.Before().String())
}

// changeOwner gives a lease to a worker that does not exist.
func changeOwner(ctx context.Context, f *fault) error {
	shards, err := f.services.shards(ctx)
	if err != nil {
		return err
	}
	owner := "nobody-" + fmt.Sprint(f.rng.IntN(1000))
	return f.edit(ctx, *shards[f.rng.IntN(len(shards))].ShardId, "AssignedTo", owner)
}

// edit writes one attribute of a shard's row without the conditions that consumers write under.
func (f *fault) edit(ctx context.Context, shardID, attribute, value string) error {
	f.outages[onDynamoDB].Lock()
	defer f.outages[onDynamoDB].Unlock()
	in := &dynamodb.UpdateItemInput{
		TableName:                 aws.String(leaseTable),
		Key:                       map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: shardID}},
		UpdateExpression:          aws.String("SET " + attribute + " = :v"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}},
		ConditionExpression:       aws.String("attribute_exists(ShardID)"),
	}
	text := fmt.Sprintf("%s of %s to %s", attribute, shardID, value)
	if f.rng.IntN(2) == 0 {
		*in.UpdateExpression += " ADD LeaseCounter :one"
		in.ExpressionAttributeValues[":one"] = &types.AttributeValueMemberN{Value: "1"}
		text += ", with a new counter"
	}
	for try := 0; ; try++ {
		_, err := f.services.DynamoDB.UpdateItem(ctx, in)
		noRow, missing := new(types.ConditionalCheckFailedException), new(types.ResourceNotFoundException)
		absent := errors.As(err, &noRow) || errors.As(err, &missing)
		switch {
		case absent && try < 10: // the table was just deleted, or the shard is new
			pause(ctx, 500*time.Millisecond)
			continue
		case absent:
			return fmt.Errorf("there is no row of %s", shardID)
		case err != nil:
			return err
		}
		f.begins("%s", text)
		return nil
	}
}

// rows returns all rows of the lease table, by key.
func (f *fault) rows(ctx context.Context) (map[string]map[string]types.AttributeValue, error) {
	rows := map[string]map[string]types.AttributeValue{}
	scan := dynamodb.NewScanPaginator(f.services.DynamoDB, &dynamodb.ScanInput{TableName: aws.String(leaseTable), ConsistentRead: aws.Bool(true)})
	for scan.HasMorePages() {
		out, err := scan.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range out.Items {
			if key, ok := row["ShardID"].(*types.AttributeValueMemberS); ok {
				rows[key.Value] = row
			}
		}
	}
	return rows, nil
}

// restoreTable puts a copy in the place of the table, as a restore from a backup does: from before, with all rows.
func restoreTable(ctx context.Context, f *fault) error {
	f.outages[onDynamoDB].Lock()
	defer f.outages[onDynamoDB].Unlock()
	backup, err := f.rows(ctx)
	if err != nil {
		return err
	}
	pause(ctx, time.Duration(3+f.rng.IntN(20))*time.Second)
	now, err := f.rows(ctx)
	if err != nil {
		return err
	}
	f.tableLost.Store(true)
	f.begins("%d rows", len(backup))
	for key := range now {
		if backup[key] == nil {
			err = errors.Join(err, f.deleteRow(ctx, key))
		}
	}
	for _, row := range backup {
		_, putErr := f.services.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(leaseTable), Item: row})
		err = errors.Join(err, putErr)
	}
	return err
}

// deleteRows deletes some rows, as somebody may do by hand: of shards, of workers, of all together.
func deleteRows(ctx context.Context, f *fault) error {
	f.outages[onDynamoDB].Lock()
	defer f.outages[onDynamoDB].Unlock()
	rows, err := f.rows(ctx)
	if err != nil {
		return err
	}
	delete(rows, "_application") // it says what the application is
	keys := slices.Sorted(maps.Keys(rows))
	if len(keys) == 0 {
		return errors.New("there are none")
	}
	f.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	keys = keys[:min(len(keys), 1+f.rng.IntN(3))]
	f.begins("%v", keys)
	for _, key := range keys {
		err = errors.Join(err, f.deleteRow(ctx, key))
	}
	return err
}

func (f *fault) deleteRow(ctx context.Context, key string) error {
	_, err := f.services.DynamoDB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(leaseTable),
		Key: map[string]types.AttributeValue{"ShardID": &types.AttributeValueMemberS{Value: key}}})
	return err
}
