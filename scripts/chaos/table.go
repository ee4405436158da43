package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// deleteTable deletes the lease table. Consumers make another.
func deleteTable(f *fault) error {
	f.outages[onDynamoDB].Lock()
	defer f.outages[onDynamoDB].Unlock()
	f.hits("")
	_, err := f.services.dynamodb.DeleteTable(f.ctx, &dynamodb.DeleteTableInput{TableName: aws.String(leaseTable)})
	if missing := new(types.ResourceNotFoundException); errors.As(err, &missing) {
		return skip("it is missing already")
	}
	return err
}

// rewind sets the checkpoint of a shard back to where the shard began, as somebody may do by hand, once with a new
// counter and once without.
func rewind(f *fault) error {
	shards, err := f.services.shards(f.ctx)
	if err != nil {
		return err
	}
	shard := shards[f.rng.IntN(len(shards))]
	return f.edit(*shard.ShardId, "Checkpoint", *shard.SequenceNumberRange.StartingSequenceNumber)
}

// changeOwner gives a lease to a worker that is not there, or to nobody.
func changeOwner(f *fault) error {
	shards, err := f.services.shards(f.ctx)
	if err != nil {
		return err
	}
	owner := "nobody-" + fmt.Sprint(f.rng.IntN(1000))
	return f.edit(*shards[f.rng.IntN(len(shards))].ShardId, "AssignedTo", owner)
}

// edit writes one attribute of a shard's row, past every condition.
func (f *fault) edit(shardID, attribute, value string) error {
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
	_, err := f.services.dynamodb.UpdateItem(f.ctx, in)
	refused, missing := new(types.ConditionalCheckFailedException), new(types.ResourceNotFoundException)
	if errors.As(err, &refused) || errors.As(err, &missing) {
		return skip("there is no row of %s", shardID)
	}
	if err != nil {
		return err
	}
	f.hits("%s", strings.TrimSpace(text))
	f.hold(100 * time.Millisecond)
	return nil
}
