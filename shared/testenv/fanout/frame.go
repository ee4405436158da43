package fanout

import (
	"bytes"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/eventstream"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// eventStreamType is the media type of an event stream.
const eventStreamType = "application/vnd.amazon.eventstream"

// eventFrame is an event as the SDK would write it.
func eventFrame(event *types.SubscribeToShardEvent) []byte {
	var frame bytes.Buffer
	err := awsjson.New11(schemas.Kinesis_20131202).SerializeEventMessage(schemas.SubscribeToShardEventStream,
		schemas.SubscribeToShardEventStream_SubscribeToShardEvent, event, &frame)
	if err != nil {
		panic(err)
	}
	return frame.Bytes()
}

// initialResponse is the frame that the SDK wants first.
func initialResponse() []byte {
	return encode([]byte("{}"), eventstream.MessageTypeHeader, eventstream.EventMessageType,
		eventstream.EventTypeHeader, "initial-response", eventstream.ContentTypeHeader, "application/x-amz-json-1.1")
}

func exceptionFrame(code, message string) []byte {
	body, _ := json.Marshal(map[string]string{"message": message})
	return encode(body, eventstream.MessageTypeHeader, eventstream.ExceptionMessageType, eventstream.ExceptionTypeHeader, code,
		eventstream.ContentTypeHeader, "application/x-amz-json-1.1")
}

func encode(payload []byte, headers ...string) []byte {
	message := eventstream.Message{Payload: payload}
	for i := 0; i < len(headers); i += 2 {
		message.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	var frame bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&frame, message); err != nil {
		panic(err)
	}
	return frame.Bytes()
}
