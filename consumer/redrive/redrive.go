// Package redrive puts dead letters back into the stream, after the reason for their rejection was mended.
//
// It reads the dead letter objects in the order of their keys (day, shard, place in the shard) and puts the original
// bytes of each selected entry under its partition key, as a new record with a new sequence number. A container of the
// Kinesis Producer Library is put as its user records, each under its own keys: so a user record that was found outside its
// shard comes to its own. The objects stay as they are.
//
// It is not idempotent. To the stream and the warehouse, a record that is put again is a new record. So a redrive
// repeats records if it is run twice, or if the answer to a call was lost. Readers can tell by the call_id. Two things
// help. A dry run says beforehand what would be put. And if a redrive is cut short, [Summary.Last] names the last
// object that is done; the next redrive can go on from there ([Config.After]). Records that are still bad are rejected
// again and come back as new dead letters.
package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// Bucket is what a redrive needs of S3; *s3.Client has it.
type Bucket interface {
	s3.ListObjectsV2APIClient
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Config says which dead letters go where.
type Config struct {
	Bucket       string
	ErrorsPrefix string
	Application  string             // whose dead letters, and those of the first version, which had no folders; empty: only these
	Stream       string             // name of the stream that the records are put into
	Reasons      []transform.Reason // only entries with one of these; empty: all
	Days         []string           // only objects of these days, 2006-01-02; empty: all
	After        string             // only objects whose key comes after this one; empty: all
	DryRun       bool               // read and count, put nothing
}

// Summary says what was done, also if the redrive ended with an error.
type Summary struct {
	Objects  int                      // dead letter objects read to their end
	Read     int                      // entries in them
	Selected map[transform.Reason]int // entries that the filter lets pass
	Put      int                      // records acknowledged by the stream; of a container, its user records
	Last     string                   // key of the last object whose entries are all put
}

// Redrive is one run. It has no state beyond it.
type Redrive struct {
	Config
	bucket Bucket
	put    *putter
	log    logrus.FieldLogger
}

// New returns a redrive of what cfg selects.
func New(cfg Config, bucket Bucket, stream Stream, log logrus.FieldLogger) *Redrive {
	return &Redrive{Config: cfg, bucket: bucket, put: &putter{name: cfg.Stream, stream: stream}, log: log}
}

// Run reads and puts object by object until all are done, or ctx ends. It stops at the first entry that cannot be read,
// and if the stream refuses everything for about a minute.
func (r *Redrive) Run(ctx context.Context) (Summary, error) {
	sum := Summary{Selected: map[transform.Reason]int{}}
	for _, prefix := range r.prefixes() {
		if err := r.runPrefix(ctx, prefix, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// prefixes are those of the selected objects, in the order of their keys.
func (r *Redrive) prefixes() (sorted []string) {
	folders := []string{r.ErrorsPrefix}
	if r.Application != "" {
		folders = append(folders, warehouse.DeadLettersPrefix(r.ErrorsPrefix, r.Application))
	}
	for _, folder := range folders {
		if len(r.Days) == 0 {
			sorted = append(sorted, folder+"dt=")
		}
		for _, day := range r.Days {
			sorted = append(sorted, folder+"dt="+day+"/")
		}
	}
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func (r *Redrive) runPrefix(ctx context.Context, prefix string, sum *Summary) error {
	in := &s3.ListObjectsV2Input{Bucket: &r.Bucket, Prefix: &prefix}
	if r.After != "" {
		in.StartAfter = &r.After
	}
	for listings := s3.NewListObjectsV2Paginator(r.bucket, in); listings.HasMorePages(); {
		listing, err := listings.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list dead letters under %s: %w", prefix, err)
		}
		for _, object := range listing.Contents {
			if err := r.runObject(ctx, *object.Key, sum); err != nil {
				return fmt.Errorf("redrive %s: %w", *object.Key, err)
			}
		}
	}
	return nil
}

// runObject puts the selected entries of one object, in their order.
func (r *Redrive) runObject(ctx context.Context, key string, sum *Summary) error {
	out, err := r.bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.Bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("get dead letters: %w", err)
	}
	defer out.Body.Close()
	before := sum.Put
	for decoder := json.NewDecoder(out.Body); ; {
		var entry warehouse.DeadLetter
		err := decoder.Decode(&entry)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read entry %d: %w", sum.Read, err)
		}
		sum.Read++
		if err := r.runEntry(ctx, entry, sum); err != nil {
			return err
		}
	}
	n, err := r.put.flush(ctx)
	sum.Put += n
	if err != nil {
		return err
	}
	sum.Objects, sum.Last = sum.Objects+1, key
	r.log.WithFields(logrus.Fields{"object_key": key, "records": sum.Put - before, "dry_run": r.DryRun}).Info("dead letters redriven")
	return nil
}

// runEntry queues the user records of one entry, if it is selected.
func (r *Redrive) runEntry(ctx context.Context, entry warehouse.DeadLetter, sum *Summary) error {
	if len(r.Reasons) > 0 && !slices.Contains(r.Reasons, entry.Reason) {
		return nil
	}
	sum.Selected[entry.Reason]++
	if r.DryRun {
		return nil
	}
	for record := range userRecords(entry, maxLevels) {
		n, err := r.put.add(ctx, record)
		sum.Put += n
		if err != nil {
			return err
		}
	}
	return nil
}

// maxLevels is how deep containers in containers are taken apart. No producer makes more than one level; the second is for
// a container of containers that overflowed. Each level reads all that is in it, for its digest. So without a limit the
// time grows with the square of the size: 10 MiB of containers in containers took more than an hour. What lies deeper is
// put as it is, and comes back as a dead letter.
const maxLevels = 2

// userRecords takes a container apart, and the containers in it, so many levels deep. Put as a whole, it would go to one
// shard, and its user records of other shards would come back as dead letters. A malformed container stays as it is, and so
// does a record that is none.
func userRecords(entry warehouse.DeadLetter, levels int) iter.Seq[warehouse.DeadLetter] {
	return func(yield func(warehouse.DeadLetter) bool) { eachUserRecord(entry, levels, yield) }
}

func eachUserRecord(entry warehouse.DeadLetter, levels int, yield func(warehouse.DeadLetter) bool) bool {
	if levels == 0 {
		return yield(entry)
	}
	users, ok := kpl.Split(entry.Data, hashkey.Range{Last: hashkey.Max()})
	if !ok {
		return yield(entry)
	}
	for user := range users {
		if user.Reason == kpl.BadProtobuf || user.Reason == kpl.Empty {
			return yield(entry)
		}
		record := entry
		record.PartitionKey, record.ExplicitHashKey, record.Data = string(user.PartitionKey), string(user.ExplicitHashKey), user.Data
		if !eachUserRecord(record, levels-1, yield) {
			return false
		}
	}
	return true
}
