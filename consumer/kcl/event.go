package kcl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/eventstream"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// events is the protocol of one subscription. A client's own protocol does not do. Its state for event streams is shared by
// all of them, without a lock. It takes an event that was cut off for the end of the subscription. And it decodes slowly,
// as said at [protocol]. Here, what is not an event of records is left to it.
type events struct {
	smithyhttp.ClientProtocol // the SDK's, of this subscription alone

	payload []byte       // memory of the last event, for the next one
	bytes   atomic.Int64 // received so far
}

func newEvents() *events { return &events{ClientProtocol: awsjson.New11(schemas.Kinesis_20131202)} }

// DeserializeEventMessage implements the SDK's interface. io.EOF says that the subscription ended in order.
func (e *events) DeserializeEventMessage(schema *smithy.Schema, types *smithy.TypeRegistry, r io.Reader) (smithy.Deserializable, error) {
	before := e.bytes.Load()
	message, err := eventstream.NewDecoder().Decode(counting{r, &e.bytes}, e.payload)
	switch {
	case err == io.EOF && e.bytes.Load() == before:
		return nil, err
	case errors.Is(err, io.EOF): // which the SDK would take for the end
		return nil, fmt.Errorf("read event: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return nil, fmt.Errorf("read event: %w", err)
	}
	if e.payload = message.Payload[:0]; cap(e.payload) > maxPooledBytes {
		e.payload = nil
	}
	if text(message, eventstream.MessageTypeHeader) == eventstream.EventMessageType && text(message, eventstream.EventTypeHeader) == "SubscribeToShardEvent" {
		if event, ok := decodeEvent(message.Payload); ok {
			return event, nil
		}
	}
	var frame bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&frame, message); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	event, err := e.ClientProtocol.DeserializeEventMessage(schema, types, &frame)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return event, err
}

// decodeEvent decodes an event of records as the SDK does, or reports false, as [decodePage].
func decodeEvent(body []byte) (*types.SubscribeToShardEvent, bool) {
	page, ok := decode(body, "ContinuationSequenceNumber")
	return &types.SubscribeToShardEvent{Records: page.Records, MillisBehindLatest: page.MillisBehindLatest,
		ContinuationSequenceNumber: page.NextShardIterator}, ok
}

func text(m eventstream.Message, header string) string {
	if value := m.Headers.Get(header); value != nil {
		return value.String()
	}
	return ""
}

// counting counts what is read.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
