package kcl_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/pipeline"
	"example.com/callevents/consumer/stall"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/event"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/identity"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

// BenchmarkPage is what a record costs from the bytes of a GetRecords answer to the bytes of an object, without the network:
// everything that is done once a record, by the SDK's decoder and by ours, and with events that have an identity.
func BenchmarkPage(b *testing.B) {
	for name, option := range map[string]func(*kinesis.Options){"sdk": func(*kinesis.Options) {}, "ours": kcl.WithProtocol, "ours/identities": kcl.WithProtocol} {
		b.Run(name, func(b *testing.B) {
			answers := newAnswers(1000, name == "ours/identities")
			client := kinesis.NewFromConfig(testenv.Config("http://kinesis"), option, func(o *kinesis.Options) { o.HTTPClient = answers })
			shard := newSink(b)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := cpu(b)
			for b.Loop() {
				page, err := client.GetRecords(b.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("i")})
				if err == nil {
					err = shard.Process(b.Context(), page.Records, time.Time{})
				}
				if err != nil || strconv.FormatInt(answers.sent, 10) != string(shard.Position()) {
					b.Fatalf("at %s after %d: %v", shard.Position(), answers.sent, err)
				}
			}
			runtime.ReadMemStats(&after)
			records := float64(b.N * answers.records)
			b.SetBytes(int64(len(answers.body)))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/records, "ns/record")
			b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/records, "cpu-ns/record")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/records, "B/record")
		})
	}
}

// answers is an HTTP client that answers GetRecords with the same events under new sequence numbers.
type answers struct {
	body    []byte
	numbers []int // where the sequence numbers are
	ids     []int // where the numbers of the identities are
	records int
	sent    int64
}

// newAnswers answers with so many records: of four producers with identities, or of any.
func newAnswers(records int, identities bool) *answers {
	a := &answers{records: records, sent: 1e15}
	a.body = append(a.body, `{"MillisBehindLatest":0,"NextShardIterator":"i","Records":[`...)
	for i := range records {
		key := fmt.Sprintf("%032x", rand.Uint64())
		if identities {
			key = identity.ID{Lane: identity.Lane{Run: 1<<63 + uint64(i%4), Word: 1 << 63}, Number: firstNumber}.Key(false)
		}
		a.body = fmt.Appendf(a.body, `{"ApproximateArrivalTimestamp":1763900000.123,"Data":"%s","PartitionKey":"%s","SequenceNumber":"`,
			base64.StdEncoding.EncodeToString(callEvent()), key)
		if identities {
			a.ids = append(a.ids, len(a.body)-len(`","SequenceNumber":"`)-numberDigits)
		}
		a.numbers = append(a.numbers, len(a.body))
		a.body = append(a.body, `0000000000000000"},`...)
	}
	a.body = append(a.body[:len(a.body)-1], "]}"...)
	return a
}

func (a *answers) Do(*http.Request) (*http.Response, error) {
	for i, at := range a.ids {
		strconv.AppendInt(a.body[at:at], firstNumber+(a.sent-1e15+int64(i))/4, 36)
	}
	for _, at := range a.numbers {
		a.sent++
		strconv.AppendInt(a.body[at:at], a.sent, 10)
	}
	return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(len(a.body)), Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// The numbers of the identities have a fixed length.
const (
	firstNumber  = 36 * 36 * 36 * 36 * 36 * 36
	numberDigits = 7
)

// cpu is what the process has used so far.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// newSink is a shard whose lease lasts and whose objects go nowhere.
func newSink(b *testing.B) *pipeline.Pipeline {
	log := logrus.NewEntry(&logrus.Logger{Out: io.Discard})
	store := warehouse.NewStore(warehouse.Config{Location: warehouse.Location{Bucket: "b", Prefix: "r/"}, Format: warehouse.NDJSONGzip,
		Timeout: time.Minute}, nowhere{}, warehouse.NewMetrics(prometheus.NewRegistry()), log)
	shard := pipeline.New(pipeline.Config{FlushInterval: time.Hour, FlushBytes: 8 << 20, Store: store,
		Metrics: pipeline.NewMetrics(prometheus.NewRegistry()), Log: log}, pipeline.Shard{ID: "shardId-000000000000", StartingSequenceNumber: "1", HashKeys: hashkey.Range{Last: hashkey.Max()}}, lasting{}, stall.NewTracker(stall.After))
	if err := shard.Open(b.Context(), "", ""); err != nil {
		b.Fatal(err)
	}
	return shard
}

type nowhere struct{ warehouse.Client }

func (nowhere) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return &s3.PutObjectOutput{}, nil
}

func (nowhere) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return &s3.ListObjectsV2Output{}, nil
}

type lasting struct{}

func (lasting) Deadline() time.Time                                       { return time.Now().Add(time.Hour) }
func (lasting) Checkpoint(context.Context, sequence.Number, string) error { return nil }
func (lasting) Finish(context.Context, string) error                      { return nil }

// callEvent is an event as random as real ones: its template is cut at the brackets of the variable values, which
// have the odd places.
func callEvent() (record []byte) {
	for i, part := range strings.FieldsFunc(event.Template, func(r rune) bool { return r == '<' || r == '>' }) {
		switch {
		case i%2 == 0:
			record = append(record, part...)
		case part == "uuid" || strings.Contains(part, "*"):
			record = fmt.Appendf(record, "%016x%016x", rand.Uint64(), rand.Uint64())
		case part == "millis" || strings.Contains(part, ".."):
			record = strconv.AppendInt(record, 100+rand.Int64N(900), 10)
		default:
			first, _, _ := strings.Cut(part, "|")
			record = append(record, first...)
		}
	}
	return record
}
