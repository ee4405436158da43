package kcl

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/startup"
)

// Registration is the consumer that is registered with the stream for enhanced fan-out. Its name is the application's, so
// all instances share it. It stays registered, and costs, until a person deregisters it. Safe for concurrent use.
type Registration struct {
	client    *kinesis.Client
	streamARN string
	name      string
	log       *logrus.Entry

	mu  sync.Mutex
	arn string // once it is ACTIVE
}

// NewRegistration returns a registration that is to be made sure of by [Registration.Ready].
func NewRegistration(client *kinesis.Client, streamARN, name string, log *logrus.Entry) *Registration {
	return &Registration{client: client, streamARN: streamARN, name: name, log: log}
}

// Ready registers the consumer unless it is registered. It is one attempt: until the consumer is ACTIVE the error is
// [startup.NotYet].
func (r *Registration) Ready(ctx context.Context) error {
	err := r.Find(ctx)
	var absent *types.ResourceNotFoundException
	if errors.As(err, &absent) {
		return r.register(ctx)
	}
	return err
}

// Find looks for the consumer and registers nothing. An absent one is a [types.ResourceNotFoundException].
func (r *Registration) Find(ctx context.Context) error {
	out, err := r.client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: &r.streamARN, ConsumerName: &r.name})
	if err != nil {
		return fmt.Errorf("describe consumer %s: %w", r.name, startup.Explain(err, "kinesis:DescribeStreamConsumer on the consumer "+r.name+" of "+r.streamARN))
	}
	switch found := out.ConsumerDescription; found.ConsumerStatus {
	case types.ConsumerStatusCreating:
		return startup.NotYet("consumer %s is still being registered", r.name)
	case types.ConsumerStatusDeleting:
		return startup.NotYet("consumer %s is being deregistered; then it is registered again", r.name)
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.arn = aws.ToString(found.ConsumerARN)
	}
	return nil
}

func (r *Registration) register(ctx context.Context) error {
	_, err := r.client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &r.streamARN, ConsumerName: &r.name})
	var other *types.ResourceInUseException
	var limit *types.LimitExceededException
	switch {
	case errors.As(err, &other): // another instance was first
	case errors.As(err, &limit):
		return r.full(ctx, err)
	case err != nil:
		return fmt.Errorf("register consumer %s: %w", r.name, startup.Explain(err, "kinesis:RegisterStreamConsumer on the stream "+r.streamARN))
	default:
		r.log.WithFields(logrus.Fields{"consumer": r.name, "stream_arn": r.streamARN}).
			Warn("consumer registered for enhanced fan-out: it costs by the hour and shard until it is deregistered")
	}
	return startup.NotYet("consumer %s is being registered", r.name)
}

// Consumers that a stream takes: 20, or 50 in on-demand advantage mode (API reference, RegisterStreamConsumer).
const (
	mostConsumers          = 20
	mostConsumersAdvantage = 50
)

// full tells apart why a registration was refused: the stream has as many consumers as it takes, which waits for a person;
// or five are being registered at once, or there were five calls in a second, which passes.
func (r *Registration) full(ctx context.Context, refused error) error {
	out, err := r.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &r.streamARN})
	if err != nil {
		return fmt.Errorf("register consumer %s: %w", r.name, refused)
	}
	n := aws.ToInt32(out.StreamDescriptionSummary.ConsumerCount)
	if n != mostConsumers && n < mostConsumersAdvantage {
		return startup.NotYet("register consumer %s: %v", r.name, refused)
	}
	return fmt.Errorf("register consumer %s: the stream has %d registered consumers, and takes no more (%d, or %d in on-demand advantage mode): "+
		"deregister one with aws kinesis deregister-stream-consumer, or read with --read polling", r.name, n, mostConsumers, mostConsumersAdvantage)
}

// Allowed makes sure that the consumer may subscribe. It asks for a shard that no stream has, so it takes no subscription
// from another instance. Every answer but a denial shows that the request is allowed.
func (r *Registration) Allowed(ctx context.Context) error {
	s, err := subscribe(ctx, r.client, &kinesis.SubscribeToShardInput{ConsumerARN: aws.String(r.ARN()), ShardId: aws.String(noShard),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	if err == nil { // a server that knows every shard
		s.close()
		return nil
	}
	var absent *types.ResourceNotFoundException
	var invalid *types.InvalidArgumentException
	if errors.As(err, &absent) || errors.As(err, &invalid) {
		return nil
	}
	return fmt.Errorf("subscribe to a shard: %w", startup.Explain(err, "kinesis:SubscribeToShard on the consumer "+r.ARN()))
}

// noShard is a name that a shard could have, and none has.
const noShard = "shardId-999999999999"

// ARN returns the consumer's ARN once it is ready. A consumer that is registered again has another one.
func (r *Registration) ARN() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arn
}
