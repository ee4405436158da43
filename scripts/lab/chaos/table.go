package main

import (
	"context"
	"errors"
	"fmt"
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
