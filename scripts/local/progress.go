package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/shared/testenv/servers"
)

// progress counts over all runs with the same data directory: what the ledger says was put, what the links' metadata
// says was warehoused. Each look reads only what is new.
type progress struct {
	services *servers.Set
	ledger   string
	offset   int64           // how far the ledger is read
	put      map[string]int  // records by shard
	links    map[string]bool // object keys that are counted
	stored   int             // records in them, dead letters included
}

func newProgress(s *servers.Set, ledger string) *progress {
	return &progress{services: s, ledger: ledger, put: make(map[string]int), links: make(map[string]bool)}
}

// report prints a line at intervals until the context ends, the duration is over (0: never), or there is no producer
// or no consumer any more. The error tells which programs ended by themselves. A consumer may, or be killed to see what
// happens: as long as there are others, they take its shards over.
func (p *progress) report(ctx context.Context, duration time.Duration, producer *program, consumers group) (failed error) {
	if duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	ended := append(group{producer}, consumers...).ended()
	for tick := time.Tick(progressInterval); ; {
		select {
		case <-ctx.Done():
			return failed
		case program := <-ended:
			err := fmt.Errorf("%s ended by itself: %v", program.name, program.Wait()) //nolint:errorlint // nil, if it ended well
			failed = errors.Join(failed, err)
			say("%v", err)
			if program == producer || !consumers.running() {
				return failed
			}
		case <-tick:
			if line := p.look(ctx); ctx.Err() == nil {
				say("%s", line)
			}
		}
	}
}

// drain waits until everything that was put is warehoused, for a bounded time and only while there is progress.
func (p *progress) drain(ctx context.Context, consumers group) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	stored, since := -1, time.Now()
	for tick := time.Tick(time.Second); ; {
		line := p.look(ctx)
		if p.stored != stored {
			stored, since = p.stored, time.Now()
			say("%s", line)
		}
		if p.stored >= p.total() || time.Since(since) > drainPatience || !consumers.running() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// look counts what is new and returns it as a line for people.
func (p *progress) look(ctx context.Context) string {
	owners, err := p.owners(ctx)
	if err == nil {
		err = p.readLedger()
	}
	if err == nil {
		err = p.countLinks(ctx)
	}
	if err != nil {
		return fmt.Sprintf("no progress known: %v", err)
	}
	return fmt.Sprintf("put %d (%s)  warehoused %d in %d objects  leases %s",
		p.total(), list(p.put, " ", strconv.Itoa), p.stored, len(p.links), owners)
}

func (p *progress) total() (n int) {
	for _, records := range p.put {
		n += records
	}
	return n
}

var shardID = regexp.MustCompile(`shardId-\d+`)

// readLedger counts the lines that were added; a line that is not ended yet waits for the next look.
func (p *progress) readLedger() error {
	f, err := os.Open(p.ledger)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(p.offset, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil
		}
		p.offset += int64(len(line))
		if shard := shardID.FindString(line); shard != "" {
			p.put[shard]++
		}
	}
}

// countLinks adds the links that are new in the bucket.
func (p *progress) countLinks(ctx context.Context) error {
	pages := s3.NewListObjectsV2Paginator(p.services.S3, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix + "dt=")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			if p.links[*object.Key] {
				continue
			}
			head, err := p.services.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: object.Key})
			if err != nil {
				return err
			}
			records, _ := strconv.Atoi(head.Metadata["records"])
			rejected, _ := strconv.Atoi(head.Metadata["rejected"])
			p.links[*object.Key] = true
			p.stored += records + rejected
		}
	}
	return nil
}

// owners says who holds which shard, from the lease table.
func (p *progress) owners(ctx context.Context) (string, error) {
	shards := make(map[string][]string)
	pages := dynamodb.NewScanPaginator(p.services.DynamoDB, &dynamodb.ScanInput{TableName: aws.String(leaseTable)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if notYet := new(types.ResourceNotFoundException); errors.As(err, &notYet) {
			return "none yet", nil
		}
		if err != nil {
			return "", err
		}
		for _, row := range page.Items {
			shard, owner := text(row["ShardID"]), text(row["AssignedTo"])
			if strings.HasPrefix(shard, "shardId-") && owner != "" {
				shards[owner] = append(shards[owner], shortShard(shard))
			}
		}
	}
	if len(shards) == 0 {
		return "none yet", nil
	}
	return list(shards, "  ", func(held []string) string { return strings.Join(slices.Sorted(slices.Values(held)), ",") }), nil
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// list prints key:value pairs in the order of their keys.
func list[V any](m map[string]V, between string, print func(V) string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, shortShard(key)+":"+print(m[key]))
	}
	return strings.Join(pairs, between)
}

// shortShard makes "shardId-000000000003" "3".
func shortShard(id string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(id, "shardId-")); err == nil {
		return strconv.Itoa(n)
	}
	return id
}
