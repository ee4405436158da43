package fanout

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/eventstream"

	"example.com/callevents/shared/wait"
)

// Fault sends an event in its own way. After it the subscription is over. The context ends when the client goes away or
// the subscription is taken over.
type Fault func(ctx context.Context, w http.ResponseWriter, frame []byte)

// Cut breaks the connection in the middle of the event.
func Cut() Fault {
	return func(_ context.Context, w http.ResponseWriter, frame []byte) {
		send(w, frame[:len(frame)/2])
		panic(http.ErrAbortHandler)
	}
}

// Truncate ends the answer in order, but in the middle of the event.
func Truncate() Fault {
	return func(_ context.Context, w http.ResponseWriter, frame []byte) { send(w, frame[:len(frame)/2]) }
}

// Drop breaks the connection between two events.
func Drop() Fault {
	return func(context.Context, http.ResponseWriter, []byte) { panic(http.ErrAbortHandler) }
}

// BadChecksum changes one bit of the event.
func BadChecksum() Fault {
	return func(_ context.Context, w http.ResponseWriter, frame []byte) {
		frame[len(frame)/2] ^= 1
		send(w, frame)
	}
}

// Silence sends nothing any more, and keeps the connection.
func Silence() Fault {
	return func(ctx context.Context, _ http.ResponseWriter, _ []byte) { <-ctx.Done() }
}

// Exception ends the subscription with an exception in place of the event.
func Exception(code string) Fault {
	return func(_ context.Context, w http.ResponseWriter, _ []byte) {
		send(w, exceptionFrame(code, "injected fault"))
	}
}

// Event sends another event instead, as it is.
func Event(event *types.SubscribeToShardEvent) Fault {
	return func(ctx context.Context, w http.ResponseWriter, _ []byte) {
		send(w, eventFrame(event))
		<-ctx.Done()
	}
}

// Message sends another message instead.
func Message(messageType, eventType, payload string) Fault {
	return func(ctx context.Context, w http.ResponseWriter, _ []byte) {
		send(w, encode([]byte(payload), eventstream.MessageTypeHeader, messageType, eventstream.EventTypeHeader, eventType))
		<-ctx.Done()
	}
}

func send(w http.ResponseWriter, frame []byte) {
	_, _ = w.Write(frame)
	_ = http.NewResponseController(w).Flush()
}

// Trickle sends the event in ten parts, with a pause after each.
func Trickle(pause time.Duration) Fault {
	return func(ctx context.Context, w http.ResponseWriter, frame []byte) {
		for part := range slices.Chunk(frame, len(frame)/10+1) {
			send(w, part)
			_ = wait.For(ctx, pause)
		}
	}
}
