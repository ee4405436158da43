package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/startup"
)

// Keys of rows that are no leases. Kinesis shard IDs never begin with "_".
const (
	applicationKey = "_application"
	probeKey       = "_preflight" // is never written
)

const (
	attrInitialPosition = "InitialPosition"
	attrStream          = "Stream"  // after protocolMark
	attrLocations       = "Layouts" // the name in the tables of the first version, which must be read for ever
)

// protocolMark stands before the stream in the application's row. The workers of the first version take it for another stream, and
// do not start.
const protocolMark = "lease protocol 2 of "

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

	former bool // the row is of the first version
}

// Start returns the pinned initial position as a time, or the zero time for [TrimHorizon].
func (a Application) Start() time.Time {
	at, _ := time.Parse(time.RFC3339Nano, a.InitialPosition)
	return at
}

// Application returns what is pinned. It is valid after [DynamoDB.Prepare] or [DynamoDB.Create].
func (t *DynamoDB) Application() Application { return t.application }

// pinned reads what is pinned. All of it is zero if nothing is.
func (t *DynamoDB) pinned(ctx context.Context) (Application, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: key(applicationKey), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Application{}, t.explain("read", "GetItem", err)
	}
	return decodeApplication(out.Item), nil
}

// pin writes what is not pinned yet, and reads what is. The stream is the condition of the write: a start on another
// stream must not add its location to this application, which would find foreign links there at its next start.
func (t *DynamoDB) pin(ctx context.Context) error {
	pinned, err := t.pinned(ctx)
	if err == nil && pinned.former {
		err = t.quiet(ctx)
	}
	if err != nil {
		return err
	}
	want := t.application
	out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: key(applicationKey), ReturnValues: types.ReturnValueAllNew,
		ConditionExpression: aws.String("attribute_not_exists(#s) OR #s IN (:s, :former)"),
		UpdateExpression:    aws.String("SET #p = if_not_exists(#p, :p), #s = :s ADD #l :l"),
		ExpressionAttributeNames: map[string]string{
			"#p": attrInitialPosition, "#s": attrStream, "#l": attrLocations},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":p":      &types.AttributeValueMemberS{Value: want.InitialPosition},
			":s":      &types.AttributeValueMemberS{Value: protocolMark + want.Stream},
			":former": &types.AttributeValueMemberS{Value: want.Stream},
			":l":      &types.AttributeValueMemberSS{Value: want.Locations}},
	})
	var condition *types.ConditionalCheckFailedException
	if errors.As(err, &condition) {
		return t.otherStream(ctx)
	}
	if err != nil {
		return t.explain("write", "UpdateItem", err)
	}
	t.application = decodeApplication(out.Attributes)
	return nil
}

// otherStream says which stream is pinned after the condition of a pin did not hold.
func (t *DynamoDB) otherStream(ctx context.Context) error {
	pinned, err := t.pinned(ctx)
	if err == nil {
		err = t.checkStream(pinned)
	}
	if err == nil {
		err = startup.NotYet("somebody changes row %s of lease table %s", applicationKey, t.name)
	}
	return err
}

// checkStream returns [ErrOtherStream] if another stream is pinned than the one of this start.
func (t *DynamoDB) checkStream(pinned Application) error {
	if want := t.application.Stream; pinned.Stream != "" && pinned.Stream != want {
		return fmt.Errorf("%w: table %s belongs to %s, this stream is %s; its checkpoints mean nothing here: "+
			"start under another --app, or delete the table to read this stream from the initial position",
			ErrOtherStream, t.name, pinned.Stream, want)
	}
	return nil
}

func decodeApplication(item map[string]types.AttributeValue) (a Application) {
	if v, ok := item[attrInitialPosition].(*types.AttributeValueMemberS); ok {
		a.InitialPosition = v.Value
	}
	if v, ok := item[attrStream].(*types.AttributeValueMemberS); ok {
		stream, marked := strings.CutPrefix(v.Value, protocolMark)
		a.Stream, a.former = stream, !marked
	}
	if v, ok := item[attrLocations].(*types.AttributeValueMemberSS); ok {
		a.Locations = slices.Sorted(slices.Values(v.Value))
	}
	return a
}

// ErrOtherStream means that the stream was deleted and created again under the same name, or that two streams
// share an application name.
var ErrOtherStream = errors.New("the lease table belongs to another stream")
