package lease

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Locations reads where the application's objects lie, sorted: what starts have added, less what was forgotten. None:
// the application has never run.
func (t *DynamoDB) Locations(ctx context.Context) ([]string, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: key(applicationKey), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, wrap("get", applicationKey, err)
	}
	set, _ := out.Item[attrLocations].(*types.AttributeValueMemberSS)
	if set == nil {
		return nil, nil
	}
	return slices.Sorted(slices.Values(set.Value)), nil
}

// ForgetLocation removes a location from the application's row, if the row still has the locations that were seen, and
// no others. [ErrRefused] means that it has not: a start or another ForgetLocation came in between. The last location
// stays. Repeating the call is harmless.
func (t *DynamoDB) ForgetLocation(ctx context.Context, seen []string, location string) error {
	if !slices.Contains(seen, location) || len(seen) < 2 {
		return fmt.Errorf("forget %s: it is not one of several locations: %s", location, strings.Join(seen, ", "))
	}
	w := Write{Drop: Item{attrLocations: []string{location}}}
	for _, at := range seen {
		w.If = append(w.If, Condition{Contains, attrLocations, at})
	}
	e := newExpression(w)
	e.conditions = append(e.conditions, "size("+e.name(attrLocations)+") = "+e.value(encode(int64(len(seen)))))
	_, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(applicationKey), ConditionExpression: e.condition(), UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	return wrap("forget location in", applicationKey, err)
}
