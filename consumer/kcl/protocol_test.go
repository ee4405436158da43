package kcl_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"pgregory.net/rapid"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/shared/testenv"
)

// answer is one HTTP answer, given to every request.
type answer struct {
	status int
	body   string
	broken bool // the connection ends after the body, which should have been longer
}

func (a answer) Do(*http.Request) (*http.Response, error) {
	body := io.Reader(strings.NewReader(a.body))
	if a.broken {
		body = io.MultiReader(body, iotest.ErrReader(errors.New("connection reset")))
	}
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(body), Header: http.Header{"X-Amzn-Requestid": {"r-1"}}}, nil
}

// counted is the SDK's protocol, and counts what it decodes.
type counted struct {
	smithyhttp.ClientProtocol
	n *int
}

func (c counted) DeserializeResponse(ctx context.Context, s *smithy.OperationSchema, registry *smithy.TypeRegistry, r *smithyhttp.Response, out smithy.Deserializable) error {
	*c.n++
	return c.ClientProtocol.DeserializeResponse(ctx, s, registry, r, out)
}

// decode returns what comes of an answer, as text, and whether the SDK decoded it.
func (a answer) decode(options ...func(*kinesis.Options)) (out *kinesis.GetRecordsOutput, err error, bySDK bool) {
	n := 0
	client := kinesis.NewFromConfig(testenv.Config("http://kinesis"), append([]func(*kinesis.Options){func(o *kinesis.Options) {
		o.HTTPClient, o.RetryMaxAttempts, o.Protocol = a, 1, counted{o.Protocol, &n}
	}}, options...)...)
	out, err = client.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: aws.String("i")})
	return out, err, n > 0
}

// compare checks that our protocol makes of an answer what the SDK's does, and reports whether it left it to the SDK.
func (a answer) compare(t interface{ Fatalf(string, ...any) }) (bySDK bool) {
	want, wantErr, _ := a.decode()
	got, err, bySDK := a.decode(kcl.WithProtocol)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%.300q: %v, want %v", a.body, err, wantErr)
	}
	if err != nil {
		return bySDK
	}
	if id, _ := awsmiddleware.GetRequestIDMetadata(got.ResultMetadata); id != "r-1" {
		t.Fatalf("request id %q", id)
	}
	got.ResultMetadata = want.ResultMetadata
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%.300q:\n got %+v\nwant %+v", a.body, got, want)
	}
	return bySDK
}

const (
	emptyAnswer = `{"Records":[],"NextShardIterator":"AAAA==","MillisBehindLatest":0}`
	docsAnswer  = `{"MillisBehindLatest":2100,"NextShardIterator":"AAA","Records":[{"Data":"XzxkYXRhPl8w","PartitionKey":"partitionKey","ApproximateArrivalTimestamp":1.441215410867E9,"SequenceNumber":"21269319989652663814458848515492872193"}]}`
	kmsAnswer   = `{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1763900000.5,"Data":"","PartitionKey":"é","EncryptionType":"KMS"},` +
		`{"SequenceNumber":"2","ApproximateArrivalTimestamp":1763900000,"Data":"AA==","PartitionKey":"b"}],"NextShardIterator":"i","MillisBehindLatest":1}`
)

func TestAnswersAsKinesisWritesThemAreNotLeftToTheSDK(t *testing.T) {
	for _, body := range []string{emptyAnswer, docsAnswer, kmsAnswer} {
		if (answer{status: 200, body: body}).compare(t) {
			t.Errorf("%s: left to the SDK", body)
		}
	}
}

// oddAnswers are not as Kinesis writes them, or no answers at all.
var oddAnswers = []string{
	``, ` `, `{}`, `[]`, `null`, `{`, `{"Records"`, `{"Records":[`, `{"Records":[{}]}`, `{"Records":[null]}`, `{"Records":null,"NextShardIterator":null}`,
	` {"Records": [ ] } `, emptyAnswer + "x", emptyAnswer + " ", strings.TrimSuffix(emptyAnswer, "}"), `{"Records":[],}`, `{"Records":[,]}`,
	`{"Records":[{"Data":"QQ=="},]}`, `{"Records":[{"Data":"QQ=="}{"Data":"QQ=="}]}`, `{"Records":[],"Records":[{"Data":"QQ=="}]}`, `{"Records":{}}`,
	`{"Records":[{"Data":"QQ==","Data":"Qg=="}]}`, `{"Records":[{"Data":"Q\u0051=="}]}`, `{"Records":[{"Data":"Q\/=="}]}`, "{\"Records\":[{\"Data\":\"QQ\n==\"}]}",
	"{\"Records\":[{\"Data\":\"QUJD\r\n\"}]}", "{\"Records\":[{\"Data\":\"QQ==\n\"}]}", "{\"Records\":[{\"Data\":\"QQ=\n=\"}]}", `{"Records":[{"Data":"QQ="}]}`,
	`{"Records":[{"Data":"Q"}]}`, `{"Records":[{"Data":"====" }]}`, `{"Records":[{"Data":"="}]}`, `{"Records":[{"Data":5}]}`, `{"Records":[{"Data":null}]}`,
	`{"Records":[{"PartitionKey":"a\"b"}]}`, `{"Records":[{"PartitionKey":"a\\"}]}`, "{\"Records\":[{\"PartitionKey\":\"\t\"}]}", "{\"Records\":[{\"PartitionKey\":\"\xff\"}]}",
	`{"Records":[{"Partition\u004bey":"a"}]}`, `{"Records":[{"partitionkey":"a"}]}`, `{"Records":[{"New":{"a":[1]},"PartitionKey":"a"}]}`,
	`{"Records":[{"ApproximateArrivalTimestamp":"1"}]}`, `{"Records":[{"ApproximateArrivalTimestamp":-1.5}]}`, `{"Records":[{"ApproximateArrivalTimestamp":1e300}]}`,
	`{"Records":[{"ApproximateArrivalTimestamp":9300000000}]}`, `{"Records":[{"ApproximateArrivalTimestamp":.5}]}`, `{"Records":[{"ApproximateArrivalTimestamp":01}]}`,
	`{"Records":[{"ApproximateArrivalTimestamp":+1}]}`, `{"Records":[{"ApproximateArrivalTimestamp":0x1p4}]}`, `{"Records":[{"ApproximateArrivalTimestamp":Inf}]}`,
	`{"Records":[{"ApproximateArrivalTimestamp":}]}`, `{"Records":[{"ApproximateArrivalTimestamp":1]}`, `{"MillisBehindLatest":1.5}`, `{"MillisBehindLatest":-0}`,
	`{"MillisBehindLatest":99999999999999999999}`, `{"Records":[],"ChildShards":null}`, `{"ContinuationSequenceNumber":"1","NextShardIterator":"a"}`, `{"MillisBehindLatest":"1"}`, `{"MillisBehindLatest":1e3}`, `{"NextShardIterator":"a","ChildShards":[]}`,
	`{"Records":[],"ChildShards":[{"ShardId":"s","ParentShards":["p"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}],"MillisBehindLatest":0}`,
}

func TestOddAnswersAreDecodedAsByTheSDK(t *testing.T) {
	for _, body := range oddAnswers {
		answer{status: 200, body: body}.compare(t)
	}
	for _, body := range []string{docsAnswer, docsAnswer[:100], ""} {
		if !(answer{status: 200, body: body, broken: true}).compare(t) {
			t.Errorf("%.20q, and then the connection broke: not left to the SDK", body)
		}
	}
}

func TestErrorsAreTheSDKs(t *testing.T) {
	for _, a := range []answer{
		{status: 400, body: `{"__type":"ExpiredIteratorException","message":"gone"}`}, {status: 400, body: `{"__type":"ResourceNotFoundException"}`},
		{status: 400, body: docsAnswer}, {status: 500, body: "<html>"}, {status: 503}, {status: 301, body: emptyAnswer}, {status: 204},
	} {
		if !a.compare(t) {
			t.Errorf("status %d: not left to the SDK", a.status)
		}
	}
}

func TestRandomAnswersAreDecodedAsByTheSDK(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		s, _ := json.Marshal(rapid.OneOf(rapid.StringMatching(`[0-9]{1,56}`), rapid.String()).Draw(t, "text"))
		return string(s)
	})
	number := rapid.OneOf(rapid.StringMatching(`17[0-9]{8}\.[0-9]{1,3}`), rapid.StringMatching(`1\.[0-9]{1,12}E9`), rapid.StringMatching(`-?[0-9]{1,14}(\.[0-9]{1,9})?(e-?[0-9])?`))
	data := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return `"` + base64.StdEncoding.EncodeToString(b) + `"` })
	object := func(t *rapid.T, members map[string]*rapid.Generator[string]) string {
		var all []string
		for _, name := range rapid.Permutation([]string{"Data", "SequenceNumber", "PartitionKey", "ApproximateArrivalTimestamp", "EncryptionType"}).Draw(t, "names") {
			if rapid.IntRange(0, 9).Draw(t, "present") > 0 {
				all = append(all, fmt.Sprintf("%q:%s", name, members[name].Draw(t, name)))
			}
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	members := map[string]*rapid.Generator[string]{"Data": data, "SequenceNumber": text, "PartitionKey": text, "ApproximateArrivalTimestamp": number, "EncryptionType": text}
	rapid.Check(t, func(t *rapid.T) {
		var records []string
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			records = append(records, object(t, members))
		}
		body := fmt.Sprintf(`{"Records":[%s],"NextShardIterator":%s,"MillisBehindLatest":%s}`, strings.Join(records, ","),
			text.Draw(t, "iterator"), rapid.StringMatching(`[0-9]{1,5}`).Draw(t, "millis"))
		answer{status: 200, body: body}.compare(t)
	})
}

func FuzzAnswersAreDecodedAsByTheSDK(f *testing.F) {
	for _, body := range append(oddAnswers, emptyAnswer, docsAnswer, kmsAnswer) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { answer{status: 200, body: body}.compare(t) })
}

// script answers one request after the other.
type script struct{ answers []answer }

func (s *script) Do(r *http.Request) (*http.Response, error) {
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next.Do(r)
}

// The memory of an answer is used again for the next one, and the data of a page is one piece of memory.
func TestAPageStaysAsItIsWhenTheNextIsRead(t *testing.T) {
	page := func(data string) answer {
		text := base64.StdEncoding.EncodeToString([]byte(data))
		return answer{status: 200, body: fmt.Sprintf(`{"Records":[{"Data":%q,"PartitionKey":%[2]q},{"Data":%[1]q}]}`, text, data)}
	}
	client := kinesis.NewFromConfig(testenv.Config("http://kinesis"), kcl.WithProtocol, func(o *kinesis.Options) {
		o.HTTPClient = &script{[]answer{page("first"), page("other")}}
	})
	read := func() []types.Record {
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("i")})
		if err != nil {
			t.Fatal(err)
		}
		return out.Records
	}
	first := read()
	_ = append(first[0].Data, "into the next record"...)
	read()
	if string(first[0].Data) != "first" || string(first[1].Data) != "first" || *first[0].PartitionKey != "first" {
		t.Errorf("the first page became %q, %q, %q", first[0].Data, first[1].Data, *first[0].PartitionKey)
	}
}
