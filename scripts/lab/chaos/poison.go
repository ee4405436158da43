package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// poisoned are the records that cannot be transformed, by partition key. The value says whether the record is in the
// stream for certain.
type poisoned struct {
	mu   sync.Mutex
	keys map[string]bool
}

// container frames a message as the Kinesis Producer Library does.
func container(message []byte) []byte {
	digest := md5.Sum(message)
	return append(append([]byte("\xf3\x89\x9a\xc2"), message...), digest[:]...)
}

// recipes are the records to put, each under a partition key of its own.
func recipes() map[string][]byte {
	return map[string][]byte{
		"bad-json":         []byte(`{"call_id":"poison","user":{"user_id":"1"}`),
		"no-user":          []byte(`{"call_id":"poison"}`),
		"text":             []byte("no JSON at all"),
		"empty":            {},
		"broken-container": container([]byte{0x1a, 0xff, 0xff, 0x01}),
		"empty-container":  container(nil),
		"wrong-index":      container([]byte{0x1a, 0x05, 0x08, 0x63, 0x1a, 0x01, 0x78}),
		"one-mebibyte":     bytes.Repeat([]byte("x"), 1<<20-64), // with the partition key, what a record may hold
	}
}

// poison puts one record of each recipe.
func poison(ctx context.Context, f *fault) error {
	f.outages[onKinesis].Lock()
	defer f.outages[onKinesis].Unlock()
	f.begins("")
	once := kinesis.New(f.services.Kinesis.Options(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	for recipe, data := range recipes() {
		key := fmt.Sprintf("poison-%s-%08x", recipe, f.rng.Uint32())
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := once.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String(stream), PartitionKey: &key, Data: data})
		cancel()
		if err != nil {
			f.note("%s not put: %v", recipe, err)
		}
		f.poison.add(key, err == nil)
	}
	return nil
}

func (p *poisoned) add(key string, certain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		p.keys = map[string]bool{}
	}
	p.keys[key] = certain
}

// checkPoison wants each poison record in exactly one dead letter, and no other record in any.
func (c *chaos) checkPoison(ctx context.Context) error {
	letters := map[string]int{}
	for pages := s3.NewListObjectsV2Paginator(c.services.S3, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(errorsPrefix)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list dead letters: %w", err)
		}
		for _, object := range page.Contents {
			if err := c.readLetters(ctx, *object.Key, letters); err != nil {
				return fmt.Errorf("read dead letters %s: %w", *object.Key, err)
			}
		}
	}
	for key, certain := range c.poison.keys {
		if n := letters[key]; n > 1 || n == 0 && certain {
			c.fail("poison record %s is in %d dead letters", key, n)
		}
		delete(letters, key)
	}
	for key, n := range letters {
		c.fail("%d dead letters of a record that is no poison: %s", n, key)
	}
	return nil
}

func (c *chaos) readLetters(ctx context.Context, key string, letters map[string]int) error {
	object, err := c.services.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	lines := bufio.NewReader(object.Body)
	for decoder := json.NewDecoder(lines); decoder.More(); {
		var letter struct {
			PartitionKey string `json:"partition_key"`
		}
		if err := decoder.Decode(&letter); err != nil {
			return err
		}
		letters[letter.PartitionKey]++
	}
	return nil
}
