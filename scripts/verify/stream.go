package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
	"example.com/callevents/shared/sequence"
)

const (
	attempts    = 10   // of a read: a shard allows 5 a second (Kinesis quotas)
	pageRecords = 2000 // a page is held for every shard
)

// source reads a stream from its oldest record to its newest, a shard at a time, and says what its records should have
// become. It implements [warehouse.Source]. Of a shard it holds one page.
type source struct {
	client *kinesis.Client
	stream string
	shards map[string]*shardSource
}

// shardSource is how far a shard is read.
type shardSource struct {
	id       string
	hashKeys hashkey.Range
	iterator *string // nil: to be got; it lives for 5 minutes
	ended    bool    // there are no more pages
	page     []types.Record
	oldest   sequence.Number // in the stream
	newest   sequence.Number // that was read
	line     []byte          // scratch
}

func newSource(ctx context.Context, cfg aws.Config, stream string) (*source, error) {
	s := &source{stream: stream, shards: map[string]*shardSource{}, client: awsclient.Kinesis(cfg, func(o *kinesis.Options) {
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
	})}
	for in := (&kinesis.ListShardsInput{StreamName: &stream}); in != nil; {
		page, err := s.client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards of %s: %w", stream, err)
		}
		for _, listed := range page.Shards {
			hashKeys, err := hashkey.ParseRange(*listed.HashKeyRange.StartingHashKey, *listed.HashKeyRange.EndingHashKey)
			if err != nil {
				return nil, fmt.Errorf("shard %s: %w", *listed.ShardId, err)
			}
			s.shards[*listed.ShardId] = &shardSource{id: *listed.ShardId, hashKeys: hashKeys}
		}
		in = nil
		if page.NextToken != nil {
			in = &kinesis.ListShardsInput{NextToken: page.NextToken}
		}
	}
	return s, nil
}

// Range implements [warehouse.Source].
func (s *source) Range(ctx context.Context, id string, after, last sequence.Number, each func(line []byte)) (oldest sequence.Number, err error) {
	shard := s.shards[id]
	if shard == nil {
		return "", nil
	}
	for {
		record, at, err := s.next(ctx, shard)
		if err != nil || record == nil || at.After(last) {
			return shard.oldest, err
		}
		shard.page = shard.page[1:]
		if at.After(after) {
			shard.tell(record.Data, each)
		}
	}
}

// Rest implements [warehouse.Source].
func (s *source) Rest(ctx context.Context, each func(shard string, records int)) error {
	for id, shard := range s.shards {
		rest := 0
		for {
			record, _, err := s.next(ctx, shard)
			if err != nil {
				return err
			}
			if record == nil {
				break
			}
			shard.page = shard.page[1:]
			shard.tell(record.Data, func([]byte) { rest++ })
		}
		each(id, rest)
	}
	return nil
}

// next returns the record that follows what was read, without taking it; nil at the end of the shard.
func (s *source) next(ctx context.Context, shard *shardSource) (record *types.Record, at sequence.Number, err error) {
	for len(shard.page) == 0 {
		if shard.ended {
			return nil, "", nil
		}
		if err := s.read(ctx, shard); err != nil {
			return nil, "", fmt.Errorf("read %s: %w", shard.id, err)
		}
	}
	record = &shard.page[0]
	at, err = sequence.Parse(aws.ToString(record.SequenceNumber))
	if shard.oldest.IsZero() {
		shard.oldest = at
	}
	shard.newest = at
	return record, at, err
}

// read reads the next page, after the newest record.
func (s *source) read(ctx context.Context, shard *shardSource) error {
	if shard.iterator == nil {
		in := &kinesis.GetShardIteratorInput{StreamName: &s.stream, ShardId: &shard.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
		if !shard.newest.IsZero() {
			in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, aws.String(shard.newest.String())
		}
		begun, err := s.client.GetShardIterator(ctx, in)
		if err != nil {
			return err
		}
		shard.iterator = begun.ShardIterator
	}
	page, err := s.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: shard.iterator, Limit: aws.Int32(pageRecords)})
	var expired *types.ExpiredIteratorException
	if errors.As(err, &expired) {
		shard.iterator = nil
		return nil
	}
	if err != nil {
		return err
	}
	shard.page, shard.iterator = page.Records, page.NextShardIterator
	shard.ended = page.NextShardIterator == nil || len(page.Records) == 0 && aws.ToInt64(page.MillisBehindLatest) == 0
	return nil
}

// tell calls each for every user record that belongs to the shard.
func (s *shardSource) tell(data []byte, each func(line []byte)) {
	users, aggregated := kpl.Split(data, s.hashKeys)
	switch {
	case !aggregated:
		s.tellUser(data, each)
		return
	case pipeline.Overflows(users):
		each(nil)
		return
	}
	for user := range users {
		switch user.Reason {
		case "":
			s.tellUser(user.Data, each)
		case kpl.OutsideShard:
		default:
			each(nil)
		}
	}
}

func (s *shardSource) tellUser(data []byte, each func(line []byte)) {
	line, reason := transform.Append(s.line[:0], data)
	if reason != "" {
		each(nil)
		return
	}
	s.line = line
	each(line)
}
