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
)

// applicationKey is the ShardID of the application's row. Kinesis shard IDs never begin with "_".
const applicationKey = "_application"

const (
	attrInitialPosition = "InitialPosition"
	attrStream          = "Stream"
	attrLocations       = "Layouts" // the name in the tables of the first version, which must be read for ever
)

// TrimHorizon is the initial position at the oldest record that the stream still holds.
const TrimHorizon = "TRIM_HORIZON"

// Application is what the first start of an application pins for all later ones.
type Application struct {
	// InitialPosition is where a shard without a checkpoint and without a link starts: [TrimHorizon] or a time
	// (RFC 3339). LATEST never stands here. It becomes the time of the first start, so that nothing is skipped that is
	// put between that start and a shard's first checkpoint.
	InitialPosition string
	// Stream is the stream's ARN and creation time. Another stream under the same name has other sequence numbers.
	Stream string
	// Locations are where the application's objects lie: the present location and all former ones.
	Locations []string
}

// Start returns the pinned initial position as a time, or the zero time for [TrimHorizon].
func (a Application) Start() time.Time {
	at, _ := time.Parse(time.RFC3339Nano, a.InitialPosition)
	return at
}

// Application returns what is pinned. It is valid after [DynamoDB.Create].
func (t *DynamoDB) Application() Application { return t.application }

// pin writes what is not pinned yet, and reads what is.
func (t *DynamoDB) pin(ctx context.Context) error {
	want := t.application
	out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(applicationKey), ReturnValues: types.ReturnValueAllNew,
		UpdateExpression: aws.String("SET #p = if_not_exists(#p, :p), #s = if_not_exists(#s, :s) ADD #l :l"),
		ExpressionAttributeNames: map[string]string{
			"#p": attrInitialPosition, "#s": attrStream, "#l": attrLocations},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":p": &types.AttributeValueMemberS{Value: want.InitialPosition},
			":s": &types.AttributeValueMemberS{Value: want.Stream},
			":l": &types.AttributeValueMemberSS{Value: want.Locations}},
	})
	if err != nil {
		return wrap("pin", applicationKey, err)
	}
	pinned := Application{}
	if v, ok := out.Attributes[attrInitialPosition].(*types.AttributeValueMemberS); ok {
		pinned.InitialPosition = v.Value
	}
	if v, ok := out.Attributes[attrStream].(*types.AttributeValueMemberS); ok {
		pinned.Stream = v.Value
	}
	if v, ok := out.Attributes[attrLocations].(*types.AttributeValueMemberSS); ok {
		pinned.Locations = slices.Sorted(slices.Values(v.Value))
	}
	if pinned.Stream != want.Stream {
		return fmt.Errorf("%w: table %s belongs to %s, this stream is %s; its checkpoints mean nothing here: "+
			"start under another --app, or delete the table to read this stream from the initial position",
			ErrOtherStream, t.name, pinned.Stream, want.Stream)
	}
	t.application = pinned
	return nil
}

// ErrOtherStream means that the stream was deleted and created again under the same name, or that two streams
// share an application name.
var ErrOtherStream = errors.New("the lease table belongs to another stream")
