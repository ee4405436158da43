package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"

	"example.com/callevents/consumer/transform"
)

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
	shard   string
	line    []byte
	body    bytes.Buffer
	encoder *gzip.Writer
	bytes   int
	records int
	last    *string
	since   time.Time
}

func (p *processor) Initialize(in *interfaces.InitializationInput) { p.shard = in.ShardId }

func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, record := range in.Records {
		var rejected transform.Reason
		if p.line, rejected = transform.Append(p.line[:0], record.Data); rejected != "" {
			continue
		}
		if p.records == 0 {
			p.since = time.Now()
		}
		p.line = append(p.line, '\n')
		_, _ = p.encoder.Write(p.line) // into memory
		p.records, p.bytes, p.last = p.records+1, p.bytes+len(p.line), record.SequenceNumber
		if p.bytes >= p.cfg.FlushBytes {
			p.flush(in.Checkpointer)
		}
	}
	if p.records > 0 && time.Since(p.since) >= p.cfg.FlushInterval {
		p.flush(in.Checkpointer)
	}
}

func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if p.records > 0 {
		p.flush(in.Checkpointer)
	}
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil)
	}
}

func (p *processor) flush(checkpointer interfaces.IRecordProcessorCheckpointer) {
	_ = p.encoder.Close()
	_, err := p.objects.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &p.cfg.Bucket, Key: aws.String(fmt.Sprintf("%s%s-%s.ndjson.gz", p.cfg.Prefix, p.shard, *p.last)),
		Body: bytes.NewReader(p.body.Bytes()), Metadata: map[string]string{"records": strconv.Itoa(p.records)},
	})
	if err == nil {
		err = checkpointer.Checkpoint(p.last)
	}
	if err != nil {
		panic(err) // the library has no other way to say that a shard can't go on
	}
	p.body.Reset()
	p.encoder.Reset(&p.body)
	p.records, p.bytes = 0, 0
}
