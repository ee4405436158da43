package fanout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/testenv/faults"
)

// Options say how the server behaves. The zero value behaves as Kinesis.
type Options struct {
	Native bool // the server knows SubscribeToShard, but for its first frame; all other options are without effect

	Life        time.Duration // of a subscription; 0: 5 minutes
	Refusal     time.Duration // after a call that succeeded, during which the next one is refused; 0: 5 s
	Heartbeat   time.Duration // an event comes at least this often; 0: 5 s
	Poll        time.Duration // pause between two looks at a shard whose end is reached; 0: 200 ms
	Registering time.Duration // for which a new consumer is CREATING
	Consumers   int           // that a stream takes; 0: 20
}

// Stream is the stream behind an adapter: a client of the real server, or a fake.
type Stream interface {
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
}

// Adapter is an HTTP handler. Its methods are safe for concurrent use.
type Adapter struct {
	opts   Options
	stream Stream
	pass   http.Handler // to the real server

	mu        sync.Mutex
	consumers map[string]*consumer // by ARN
	open      map[target]*subscription
	called    map[target]time.Time // when the last subscription began
	positions positions
	strikes   []Fault // for the next events
	opened    int
}

// target is what there is one subscription for.
type target struct{ consumer, shard string }

// NewAdapter returns an adapter in front of a stream. Requests of other operations go to pass.
func NewAdapter(stream Stream, pass http.Handler, opts Options) *Adapter {
	opts.Life = cmp.Or(opts.Life, 5*time.Minute)
	opts.Refusal = cmp.Or(opts.Refusal, 5*time.Second)
	opts.Heartbeat = cmp.Or(opts.Heartbeat, 5*time.Second)
	opts.Poll = cmp.Or(opts.Poll, 200*time.Millisecond)
	opts.Consumers = cmp.Or(opts.Consumers, 20)
	return &Adapter{opts: opts, stream: stream, pass: pass, consumers: map[string]*consumer{}, open: map[target]*subscription{},
		called: map[target]time.Time{}}
}

// request is the JSON of a request.
type request struct {
	StreamARN, StreamName     string
	ConsumerARN, ConsumerName string
	ShardID                   string `json:"ShardId"`
	StartingPosition          position
}

// ServeHTTP handles one request.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handle, ok := map[string]func(http.ResponseWriter, *http.Request, request){
		"RegisterStreamConsumer": a.register, "DescribeStreamConsumer": a.describe, "DeregisterStreamConsumer": a.deregister,
		"SubscribeToShard": a.subscribe, "DescribeStreamSummary": a.summarize,
	}[faults.Operation(r)]
	if !ok {
		a.pass.ServeHTTP(w, r)
		return
	}
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, "SerializationException", err.Error())
		return
	}
	handle(w, r, in)
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
}

func answer(w http.ResponseWriter, out any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

// Subscriptions returns how many are open, and how many were opened so far.
func (a *Adapter) Subscriptions() (open, opened int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open), a.opened
}

// Strike lets the next n events be sent by a fault.
func (a *Adapter) Strike(n int, fault Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		a.strikes = append(a.strikes, fault)
	}
}

// Struck reports that no fault waits for an event any more.
func (a *Adapter) Struck() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.strikes) == 0
}

// TakeOver lets another reader subscribe to every shard that is subscribed to: those subscriptions end, and new ones are
// refused for five seconds. It returns how many were taken over.
func (a *Adapter) TakeOver() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at, s := range a.open {
		a.called[at] = time.Now()
		s.end(&types.ResourceInUseException{})
	}
	return len(a.open)
}
