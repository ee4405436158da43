package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/streams"
)

const (
	attempts    = 10   // of a read: a shard allows 5 a second (Kinesis quotas)
	pageRecords = 2000 // a page is held for every shard
)

// Stream is a Kinesis stream as the [Source] of an audit. Of every shard it holds one page.
type Stream struct {
	client *kinesis.Client
	name   string
	shards map[string]*shard
}

// shard is how far a shard is read.
type shard struct {
	id       string
	hashKeys hashkey.Range
	iterator *string // nil: there is none yet, or it expired after 5 minutes
	ended    bool    // there are no more pages
	page     []types.Record
	oldest   sequence.Number // in the stream
	newest   sequence.Number // that was read
}

// OpenStream lists the shards of a stream.
func OpenStream(ctx context.Context, cfg aws.Config, name string) (*Stream, error) {
	s := &Stream{name: name, shards: map[string]*shard{}, client: awsclient.Kinesis(cfg, func(o *kinesis.Options) {
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
	})}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := streams.ListShards(ctx, s.client, &kinesis.ListShardsInput{StreamName: &name})
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, err)
	}
	for _, listed := range list {
		hashKeys, err := hashkey.ParseRange(*listed.HashKeyRange.StartingHashKey, *listed.HashKeyRange.EndingHashKey)
		if err != nil {
			return nil, fmt.Errorf("shard %s: %w", *listed.ShardId, err)
		}
		s.shards[*listed.ShardId] = &shard{id: *listed.ShardId, hashKeys: hashKeys}
	}
	return s, nil
}

// Range implements [Source].
func (s *Stream) Range(ctx context.Context, id string, after, last sequence.Number, each func(Record)) (oldest sequence.Number, err error) {
	shard := s.shards[id]
	if shard == nil {
		return "", nil
	}
	for {
		record, at, err := s.peek(ctx, shard)
		if err != nil || record == nil || at.After(last) {
			return shard.oldest, err
		}
		shard.page = shard.page[1:]
		if at.After(after) {
			each(shard.record(record, at))
		}
	}
}

// Rest implements [Source].
func (s *Stream) Rest(ctx context.Context, each func(shard string, r Record)) error {
	for id, shard := range s.shards {
		for {
			record, at, err := s.peek(ctx, shard)
			if err != nil {
				return err
			}
			if record == nil {
				break
			}
			shard.page = shard.page[1:]
			each(id, shard.record(record, at))
		}
	}
	return nil
}

// Name implements [Source].
func (s *Stream) Name() string { return s.name }

func (s *shard) record(r *types.Record, at sequence.Number) Record {
	return Record{Number: at, Arrived: aws.ToTime(r.ApproximateArrivalTimestamp), PartitionKey: aws.ToString(r.PartitionKey),
		Data: r.Data, HashKeys: s.hashKeys}
}

// peek returns the next record of a shard and leaves it there; nil at the end of the shard.
func (s *Stream) peek(ctx context.Context, shard *shard) (record *types.Record, at sequence.Number, err error) {
	for len(shard.page) == 0 {
		if shard.ended {
			return nil, "", nil
		}
		if err := s.readPage(ctx, shard); err != nil {
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

// readPage reads the page after the newest record. After an iterator has expired, it reads none.
func (s *Stream) readPage(ctx context.Context, shard *shard) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if shard.iterator == nil {
		in := &kinesis.GetShardIteratorInput{StreamName: &s.name, ShardId: &shard.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
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
