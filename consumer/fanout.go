package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/shared/awsclient"
)

// How shards are read.
const (
	polling = "polling"
	fanOut  = "fan-out"
)

// maxConsumerName is how long the name of a consumer may be (API reference, RegisterStreamConsumer).
const maxConsumerName = 128

// register makes sure of the consumer that enhanced fan-out needs, and that it may subscribe. Its name is the
// application's, so all instances share it, and it outlives them. It is nil with --read polling.
func (c *Config) register(ctx context.Context, start starting, awsCfg aws.Config, streamARN string, log *logrus.Entry) (*kcl.Registration, error) {
	if c.Read != fanOut {
		return nil, nil
	}
	consumer := kcl.NewRegistration(awsclient.Kinesis(awsCfg), streamARN, c.App, log)
	if err := start.wait(ctx, "the consumer of enhanced fan-out", consumer.Ready); err != nil {
		return nil, err
	}
	return consumer, start.wait(ctx, "the consumer of enhanced fan-out", consumer.Allowed)
}
