package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/shared/sequence"
)

const putTimeout = 10 * time.Second

type factory struct {
	cfg     Config
	objects *s3.Client
}

func (f *factory) CreateProcessor() interfaces.IRecordProcessor {
	p := &processor{factory: f}
	p.encoder = gzip.NewWriter(&p.body)
	return p
}

// processor warehouses one shard.
type processor struct {
	*factory
	shard       string
	line        []byte
	body        bytes.Buffer
	encoder     *gzip.Writer
	bytes       int // before the compression
	records     int
	first, last sequence.Number
	began       time.Time
}

// Initialize implements [interfaces.IRecordProcessor].
func (p *processor) Initialize(in *interfaces.InitializationInput) { p.shard = in.ShardId }

// ProcessRecords implements [interfaces.IRecordProcessor].
func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, record := range in.Records {
		p.add(record)
		if p.bytes >= p.cfg.FlushBytes {
			p.flush(in.Checkpointer)
		}
	}
	if p.records > 0 && time.Since(p.began) >= p.cfg.FlushInterval {
		p.flush(in.Checkpointer)
	}
}

// Shutdown implements [interfaces.IRecordProcessor].
func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if p.records > 0 {
		p.flush(in.Checkpointer)
	}
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil)
	}
}

func (p *processor) add(record types.Record) {
	var rejected transform.Reason
	if p.line, rejected = transform.Append(p.line[:0], record.Data); rejected != "" {
		return
	}
	at := sequence.Number(*record.SequenceNumber)
	if p.records == 0 {
		p.began, p.first = time.Now(), at
	}
	p.line = append(p.line, '\n')
	_, _ = p.encoder.Write(p.line) // into memory
	p.records, p.bytes, p.last = p.records+1, p.bytes+len(p.line), at
}

// flush puts the object until that succeeds, and then the checkpoint, once.
func (p *processor) flush(checkpointer interfaces.IRecordProcessorCheckpointer) {
	_ = p.encoder.Close()
	key := fmt.Sprintf("%sdt=%s/%s-from-%s-to-%s.ndjson.gz", p.cfg.Prefix, time.Now().UTC().Format(time.DateOnly), p.shard,
		p.first.Padded(), p.last.Padded())
	for {
		err := p.put(key)
		if err == nil {
			break
		}
		fmt.Fprintf(os.Stderr, "level=warning msg=\"object not stored, trying again\" error=%q\n", err)
	}
	if err := checkpointer.Checkpoint(aws.String(p.last.String())); err != nil {
		fmt.Fprintf(os.Stderr, "level=warning msg=\"checkpoint not stored\" error=%q\n", err)
	}
	p.body.Reset()
	p.encoder.Reset(&p.body)
	p.records, p.bytes = 0, 0
}

func (p *processor) put(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
	defer cancel()
	_, err := p.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &p.cfg.Bucket, Key: &key,
		Body: bytes.NewReader(p.body.Bytes()), Metadata: map[string]string{"records": strconv.Itoa(p.records)}})
	return err
}
