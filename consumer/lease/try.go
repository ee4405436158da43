package lease

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/startup"
)

// Tries are requests of each kind that the run makes beside those of Check, of a table that is there. They change nothing:
// their conditions never hold.
func (t *DynamoDB) Tries() []startup.Step {
	return []startup.Step{
		{Name: "dynamodb:Scan", Try: t.tryScan},
		{Name: "dynamodb:BatchGetItem", Try: t.tryGet},
		{Name: "dynamodb:DeleteItem", Try: t.tryDelete},
		{Name: "dynamodb:UpdateItem", Try: t.tryUpdate},
	}
}

func (t *DynamoDB) tryScan(ctx context.Context) error {
	_, err := t.client.Scan(ctx, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true), Limit: aws.Int32(1)})
	return t.explain("scan", "Scan", err)
}

func (t *DynamoDB) tryGet(ctx context.Context) error {
	_, err := t.Get(ctx, false, applicationKey)
	return t.explain("get from", "BatchGetItem", err)
}

// never is a condition on the row of the probe, which nobody writes.
func never() (condition *string, names map[string]string) {
	return aws.String("attribute_exists(#k)"), map[string]string{"#k": attrShardID}
}

func (t *DynamoDB) tryDelete(ctx context.Context) error {
	condition, names := never()
	_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: key(probeKey),
		ConditionExpression: condition, ExpressionAttributeNames: names})
	return t.explain("delete from", "DeleteItem", unlessConditional(err))
}

func (t *DynamoDB) tryUpdate(ctx context.Context) error {
	condition, names := never()
	names["#o"] = attrOwner
	_, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.name, Key: key(probeKey), ConditionExpression: condition,
		UpdateExpression: aws.String("REMOVE #o"), ExpressionAttributeNames: names})
	return t.explain("write", "UpdateItem", unlessConditional(err))
}

// unlessConditional returns nil if a condition did not hold: so the request may be made.
func unlessConditional(err error) error {
	if absent := new(types.ConditionalCheckFailedException); errors.As(err, &absent) {
		return nil
	}
	return err
}
