package kcl_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/shared/testenv"
)

// shardServer is an HTTP client that answers as Kinesis does for one shard, in the time of a synctest bubble. Record n
// has the sequence number n+1.
type shardServer struct {
	sizes   []int                             // of the records
	arrived func(n int) time.Time             // nil: now
	behind  func(left int) (milliseconds int) // nil: 0, as kinesalite
	clock   time.Duration                     // what the server's clock is ahead of ours
	quota   *allowance                        // nil: none
	line    int                               // bytes a second; 0: no limit
	calls   []shardCall                       // of GetRecords
}

type shardCall struct {
	limit, given int
	throttled    bool
}

// allowance is a bucket of one second that may go into debt.
type allowance struct {
	rate, left float64 // bytes a second
	others     float64 // bytes a second that others read
	looked     time.Time
}

func (a *allowance) take(bytes int) (ok bool) {
	if !a.looked.IsZero() {
		a.left = min(a.rate, a.left+(a.rate-a.others)*time.Since(a.looked).Seconds())
	}
	a.looked = time.Now()
	if a.left <= 0 {
		return false
	}
	a.left -= float64(bytes)
	return true
}

// newPoller returns a poller of the shard.
func (s *shardServer) newPoller(shardReadBytes int) *kcl.Poller {
	client := kinesis.NewFromConfig(testenv.Config("http://kinesis"), kcl.WithProtocol, kcl.WithoutThrottleRetries,
		func(o *kinesis.Options) { o.HTTPClient = s })
	return kcl.NewPoller(client, shardReadBytes, logrus.NewEntry(&logrus.Logger{Out: io.Discard}))
}

// Do implements [kinesis.HTTPClient].
func (s *shardServer) Do(r *http.Request) (*http.Response, error) {
	var in struct {
		ShardIterator, StartingSequenceNumber string
		Limit                                 int
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetShardIterator") {
		return s.answer(r, 200, fmt.Sprintf(`{"ShardIterator":%q}`, "0"+in.StartingSequenceNumber)), nil
	}
	from, err := strconv.Atoi(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	end, bytes := from, 0
	for end < min(from+in.Limit, len(s.sizes)) && (end == from || bytes+s.sizes[end] <= 10<<20) {
		bytes += s.sizes[end]
		end++
	}
	call := shardCall{limit: in.Limit, given: end - from, throttled: s.quota != nil && !s.quota.take(bytes)}
	s.calls = append(s.calls, call)
	if call.throttled {
		return s.answer(r, 400, `{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard"}`), nil
	}
	return s.answer(r, 200, s.page(from, end)), nil
}

func (s *shardServer) page(from, end int) string {
	page, data := &strings.Builder{}, ""
	for n := from; n < end; n++ {
		arrived := time.Now().Add(s.clock)
		if s.arrived != nil {
			arrived = s.arrived(n)
		}
		if n == from || s.sizes[n] != s.sizes[n-1] {
			data = base64.StdEncoding.EncodeToString(make([]byte, s.sizes[n]))
		}
		fmt.Fprintf(page, `,{"ApproximateArrivalTimestamp":%.3f,"PartitionKey":"","SequenceNumber":"%d","Data":"`, float64(arrived.UnixMilli())/1000, n+1)
		page.WriteString(data)
		page.WriteString(`"}`)
	}
	behind := 0
	if s.behind != nil {
		behind = s.behind(len(s.sizes) - end)
	}
	return fmt.Sprintf(`{"MillisBehindLatest":%d,"NextShardIterator":"%d","Records":[%s]}`, behind, end, strings.TrimPrefix(page.String(), ","))
}

// answer is a response whose body comes as fast as the line allows.
func (s *shardServer) answer(r *http.Request, status int, body string) *http.Response {
	date := time.Now().Add(s.clock).UTC().Format(http.TimeFormat)
	return &http.Response{StatusCode: status, ContentLength: int64(len(body)), Header: http.Header{"Date": {date}},
		Body: io.NopCloser(&slowBody{r, strings.NewReader(body), s.line})}
}

// slowBody ends with the request's context.
type slowBody struct {
	request *http.Request
	*strings.Reader
	line int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.line == 0 {
		return b.Reader.Read(p)
	}
	n := min(len(p), b.Len(), b.line/10)
	select {
	case <-b.request.Context().Done():
	case <-time.After(time.Duration(n) * time.Second / time.Duration(b.line)):
	}
	if err := b.request.Context().Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p[:n])
}

// WriteTo hides the reader's own, which is not slow.
func (b *slowBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{b}) }
