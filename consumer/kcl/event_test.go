package kcl_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/eventstream"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"example.com/callevents/consumer/kcl"
)

// bySDK decodes the payload of an event with the SDK alone.
func bySDK(t *testing.T, payload string) (*types.SubscribeToShardEvent, error) {
	t.Helper()
	message := eventstream.Message{Payload: []byte(payload)}
	message.Headers.Set(eventstream.MessageTypeHeader, eventstream.StringValue(eventstream.EventMessageType))
	message.Headers.Set(eventstream.EventTypeHeader, eventstream.StringValue("SubscribeToShardEvent"))
	var frame bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&frame, message); err != nil {
		t.Fatal(err)
	}
	event, err := awsjson.New11(schemas.Kinesis_20131202).DeserializeEventMessage(schemas.SubscribeToShardEventStream, kinesis.TypeRegistry, &frame)
	if err != nil {
		return nil, err
	}
	return event.(*types.SubscribeToShardEvent), nil
}

// written is the payload of an event as the SDK would write it.
func written(t *testing.T, event *types.SubscribeToShardEvent) string {
	t.Helper()
	var frame bytes.Buffer
	err := awsjson.New11(schemas.Kinesis_20131202).SerializeEventMessage(schemas.SubscribeToShardEventStream,
		schemas.SubscribeToShardEventStream_SubscribeToShardEvent, event, &frame)
	if err != nil {
		t.Fatal(err)
	}
	message, err := eventstream.NewDecoder().Decode(&frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(message.Payload)
}

// Seen to fail when the iterator of a page counts as the number that an event goes on after.
func TestEventsAreDecodedAsByTheSDK(t *testing.T) {
	event := types.SubscribeToShardEvent{ContinuationSequenceNumber: aws.String("49680585369115838678766651648281233957966966058966319106"),
		MillisBehindLatest: aws.Int64(5), Records: []types.Record{}}
	quick := []string{written(t, &event), strings.Replace(written(t, &event), "}", `,"ChildShards":null}`, 1)}
	for i := range 3 {
		event.Records = append(event.Records, types.Record{Data: fmt.Append(nil, i, "\x00\xff"), PartitionKey: aws.String("é"),
			SequenceNumber: aws.String(fmt.Sprint(i)), ApproximateArrivalTimestamp: aws.Time(time.UnixMilli(1763900000123).UTC()), EncryptionType: "KMS"})
	}
	quick = append(quick, written(t, &event))
	event.ContinuationSequenceNumber, event.ChildShards = nil, []types.ChildShard{{ShardId: aws.String("s"), ParentShards: []string{"p"},
		HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("1")}}}
	slow := append([]string{written(t, &event), `{"Records":[],"ContinuationSequenceNumber":null}`, `{"ContinuationSequenceNumber":"1","NextShardIterator":"a"}`,
		`{"NextShardIterator":"a"}`, `{"ContinuationSequenceNumber":5}`}, oddAnswers...)
	for i, payload := range append(quick, slow...) {
		got, ok := kcl.DecodeEvent([]byte(payload))
		if i < len(quick) && !ok {
			t.Errorf("%s: left to the SDK", payload)
		}
		if want, err := bySDK(t, payload); ok && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s:\n got %+v\nwant %+v, %v", payload, got, want, err)
		}
	}
}
