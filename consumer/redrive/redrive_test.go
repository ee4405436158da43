package redrive_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/redrive"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

const bucket, prefix = "warehouse", "errors/"

// newBucket returns an S3 server's client with dead letters: objects by day, each a list of entries.
func newBucket(t *testing.T, objects map[string][]warehouse.DeadLetter) *s3.Client {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		BaseEndpoint: &server.URL, UsePathStyle: true, Region: "eu-north-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	for key, entries := range objects {
		var body bytes.Buffer
		for _, e := range entries {
			if err := json.NewEncoder(&body).Encode(e); err != nil {
				t.Fatal(err)
			}
		}
		put(t, client, key, body.Bytes())
	}
	return client
}

func put(t *testing.T, client *s3.Client, key string, body []byte) {
	t.Helper()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(prefix + key), Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
}

// stream takes what answer lets it take. It stands for partial failures, which no local server makes.
type stream struct {
	calls  int
	taken  []types.PutRecordsRequestEntry
	refuse func(call, entry int) bool
	fail   error
}

func (s *stream) PutRecords(_ context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	s.calls++
	if s.fail != nil {
		return nil, s.fail
	}
	size := 0
	out := &kinesis.PutRecordsOutput{}
	for i, e := range in.Records {
		if size += len(e.Data) + len(*e.PartitionKey); *e.PartitionKey == "" {
			return nil, errors.New("an empty partition key")
		}
		if s.refuse != nil && s.refuse(s.calls, i) {
			out.Records = append(out.Records, types.PutRecordsResultEntry{ErrorCode: aws.String("ProvisionedThroughputExceededException")})
			continue
		}
		s.taken = append(s.taken, e)
		out.Records = append(out.Records, types.PutRecordsResultEntry{SequenceNumber: aws.String("1"), ShardId: aws.String("shardId-0")})
	}
	if len(in.Records) > 500 || size > 10<<20 {
		return nil, fmt.Errorf("%d records with %d bytes in one request", len(in.Records), size)
	}
	return out, nil
}

func (s *stream) data() (list []string) {
	for _, e := range s.taken {
		list = append(list, string(e.Data))
	}
	return list
}

func entry(reason transform.Reason, data string) warehouse.DeadLetter {
	return warehouse.DeadLetter{SequenceNumber: "77", PartitionKey: "key of " + data, Reason: reason, Data: []byte(data)}
}

func run(t *testing.T, client redrive.Bucket, s *stream, cfg redrive.Config) (redrive.Summary, error) {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg.Bucket, cfg.ErrorsPrefix, cfg.Stream = bucket, prefix, "calls"
	return redrive.New(cfg, client, s, log).Run(t.Context())
}

var twoDays = map[string][]warehouse.DeadLetter{
	"dt=2026-11-23/shardId-000000000000-after-1.ndjson": {entry(transform.NotJSON, "a"), entry(transform.NoUserID, "b")},
	"dt=2026-11-24/shardId-000000000000-after-2.ndjson": {entry(transform.NotJSON, "c")},
	"dt=2026-11-24/shardId-000000000001-after-1.ndjson": {entry(transform.UserIDNotInteger, "d\x00\xff"), entry(transform.NotJSON, "e")},
}

func TestFilters(t *testing.T) {
	client := newBucket(t, twoDays)
	put(t, client, "preflight", []byte("not a dead letter"))
	for name, tc := range map[string]struct {
		cfg  redrive.Config
		want string
	}{
		"all":        {redrive.Config{}, "a b c d\x00\xff e"},
		"reason":     {redrive.Config{Reasons: []transform.Reason{transform.NotJSON}}, "a c e"},
		"reasons":    {redrive.Config{Reasons: []transform.Reason{transform.NoUserID, transform.UserIDNotInteger}}, "b d\x00\xff"},
		"day":        {redrive.Config{Days: []string{"2026-11-24"}}, "c d\x00\xff e"},
		"days":       {redrive.Config{Days: []string{"2026-11-24", "2026-11-23"}}, "a b c d\x00\xff e"},
		"both":       {redrive.Config{Days: []string{"2026-11-24"}, Reasons: []transform.Reason{transform.NotJSON}}, "c e"},
		"no such":    {redrive.Config{Days: []string{"2026-01-01"}}, ""},
		"after":      {redrive.Config{After: prefix + "dt=2026-11-24/shardId-000000000000-after-2.ndjson"}, "d\x00\xff e"},
		"after, day": {redrive.Config{After: prefix + "dt=2026-11-23/shardId-000000000000-after-1.ndjson", Days: []string{"2026-11-23"}}, ""},
	} {
		s := &stream{}
		sum, err := run(t, client, s, tc.cfg)
		if got := strings.Join(s.data(), " "); err != nil || got != tc.want || sum.Put != len(s.taken) {
			t.Errorf("%s: put %q (%d), want %q; %v", name, got, sum.Put, tc.want, err)
		}
	}
}

func TestDryRunPutsNothing(t *testing.T) {
	s := &stream{}
	sum, err := run(t, newBucket(t, twoDays), s, redrive.Config{DryRun: true})
	want := map[transform.Reason]int{transform.NotJSON: 3, transform.NoUserID: 1, transform.UserIDNotInteger: 1}
	if err != nil || s.calls != 0 || sum.Put != 0 || sum.Read != 5 || sum.Objects != 3 || !maps.Equal(sum.Selected, want) {
		t.Errorf("%+v with %d calls, %v", sum, s.calls, err)
	}
}

func TestKeysAreKeptWhereTheStreamTakesThem(t *testing.T) {
	kept, bad := entry(transform.NotJSON, "kept"), entry(transform.BadHashKey, "bad")
	kept.ExplicitHashKey, bad.ExplicitHashKey = "170141183460469231731687303715884105728", "-1"
	none, long := entry(transform.NoPartitionKey, "none"), entry(transform.NotJSON, "long")
	none.PartitionKey, long.PartitionKey = "", strings.Repeat("é", 257)
	s := &stream{}
	if _, err := run(t, newBucket(t, map[string][]warehouse.DeadLetter{"dt=2026-11-24/x": {kept, bad, none, long}}), s, redrive.Config{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.taken {
		got = append(got, *e.PartitionKey+" "+aws.ToString(e.ExplicitHashKey))
	}
	if want := []string{"key of kept " + kept.ExplicitHashKey, "key of bad ", "77 ", "77 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A container that is put as it is goes to one shard, and its user records of other shards come back as dead letters. So
// its user records are put one by one, those of a container inside it, too.
func TestContainersAreTakenApart(t *testing.T) {
	far, err := hashkey.Parse("340282366920938463463374607431768211455")
	if err != nil {
		t.Fatal(err)
	}
	inner, outer := kpl.NewAggregator(1<<20), kpl.NewAggregator(1<<20)
	inner.Add("near", hashkey.Key{}, []byte("a"))
	inner.Add("far", far, []byte("b"))
	outer.Add("nested", far, inner.Flush(nil))
	outer.Add("last", far, []byte("c"))
	data := string(outer.Flush(nil))
	broken := entry(transform.NotJSON, "\xf3\x89\x9a\xc2 not a container")
	broken.PartitionKey = "k"
	s := &stream{}
	sum, err := run(t, newBucket(t, map[string][]warehouse.DeadLetter{"dt=2026-11-24/x": {
		entry(transform.ContainerOverflow, data), broken,
	}}), s, redrive.Config{})
	if err != nil || sum.Read != 2 || sum.Put != 4 {
		t.Fatalf("%+v, %v", sum, err)
	}
	var got []string
	for _, e := range s.taken {
		got = append(got, *e.PartitionKey+" "+aws.ToString(e.ExplicitHashKey)+" "+string(e.Data))
	}
	want := []string{"near 0 a", "far " + far.String() + " b", "last " + far.String() + " c", "k  " + string(broken.Data)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLargeEntriesGoInRequestsOfTheirOwn(t *testing.T) {
	data := base64.StdEncoding.EncodeToString(make([]byte, 3<<20))
	s := &stream{}
	sum, err := run(t, listed{strings.Repeat(`{"partition_key":"k","data":"`+data+"\"}\n", 2)}, s, redrive.Config{})
	if err != nil || sum.Put != 2 || s.calls != 2 {
		t.Errorf("put %d in %d calls, %v", sum.Put, s.calls, err)
	}
}

func TestItStopsWhereItCannotGoOn(t *testing.T) {
	client := newBucket(t, twoDays)
	denied := errors.New("access denied")
	s := &stream{fail: denied}
	if sum, err := run(t, client, s, redrive.Config{}); !errors.Is(err, denied) || sum.Put != 0 || sum.Last != "" || s.calls != 1 {
		t.Errorf("a stream that fails: %+v after %d calls, %v", sum, s.calls, err)
	}
	put(t, client, "dt=2026-11-24/shardId-000000000000-after-2.ndjson", []byte("{\"data\":\"YQ==\"}\n{oops\n"))
	sum, err := run(t, client, &stream{}, redrive.Config{})
	if last := prefix + "dt=2026-11-23/shardId-000000000000-after-1.ndjson"; err == nil || sum.Last != last || !strings.Contains(err.Error(), "shardId-000000000000-after-2") {
		t.Errorf("a broken object: %+v, %v", sum, err)
	}
}

// listed is a bucket of one object, for tests in virtual time, where a server cannot be.
type listed struct{ body string }

func (l listed) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{Contents: []s3types.Object{{Key: aws.String(prefix + "dt=2026-11-24/x")}}}, nil
}

func (l listed) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(l.body))}, nil
}

// Every entry arrives once although two of three are refused in most calls.
func TestOnlyRefusedEntriesAreSentAgain(t *testing.T) {
	var want []string
	var body strings.Builder
	for i := range 1201 {
		want = append(want, fmt.Sprintf("record %04d", i))
		_ = json.NewEncoder(&body).Encode(entry(transform.NotJSON, want[i]))
	}
	synctest.Test(t, func(t *testing.T) {
		s := &stream{refuse: func(call, entry int) bool { return call%7 != 0 && entry%3 != 0 }}
		sum, err := run(t, listed{body.String()}, s, redrive.Config{})
		got := s.data()
		slices.Sort(got)
		if err != nil || sum.Put != len(want) || !slices.Equal(got, want) {
			t.Errorf("put %d records, want %d; %v", len(got), len(want), err)
		}
	})
}

func TestARefusalForEverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{refuse: func(int, int) bool { return true }}
		sum, err := run(t, listed{`{"data":"YQ==","partition_key":"k"}`}, s, redrive.Config{})
		if err == nil || !strings.Contains(err.Error(), "ProvisionedThroughputExceeded") || sum.Put != 0 || s.calls != 20 {
			t.Errorf("%+v after %d calls, %v", sum, s.calls, err)
		}
	})
}

// Each application has a folder under the errors prefix. Dead letters of the first version lie beside them.
func TestOnlyTheApplicationsDeadLettersArePut(t *testing.T) {
	client := newBucket(t, map[string][]warehouse.DeadLetter{
		"dt=2026-11-23/shardId-000000000000-after-1.ndjson":       {entry(transform.NotJSON, "first")},
		"one/dt=2026-11-23/shardId-000000000000-after-1.ndjson":   {entry(transform.NotJSON, "a")},
		"one/dt=2026-11-24/shardId-000000000000-after-1.ndjson":   {entry(transform.NotJSON, "b")},
		"one-b/dt=2026-11-24/shardId-000000000000-after-1.ndjson": {entry(transform.NotJSON, "another's")},
		"all/dt=2026-11-24/shardId-000000000000-after-1.ndjson":   {entry(transform.NotJSON, "c")},
	})
	for _, c := range []struct {
		cfg  redrive.Config
		want string
	}{
		{redrive.Config{Application: "one"}, "first a b"},
		{redrive.Config{Application: "all"}, "c first"}, // in the order of the keys, so that After means something
		{redrive.Config{Application: "one", Days: []string{"2026-11-24"}}, "b"},
		{redrive.Config{Application: "one", After: prefix + "dt=2026-11-23/shardId-000000000000-after-1.ndjson"}, "a b"},
		{redrive.Config{Application: "all", After: prefix + "all/dt=2026-11-24/shardId-000000000000-after-1.ndjson"}, "first"},
	} {
		s := &stream{}
		if _, err := run(t, client, s, c.cfg); err != nil || strings.Join(s.data(), " ") != c.want {
			t.Errorf("%+v: put %q, want %q; %v", c.cfg, strings.Join(s.data(), " "), c.want, err)
		}
	}
}
