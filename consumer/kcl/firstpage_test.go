package kcl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// The size of a shard's records is not known before its first page, and all shards may be opened at once. Seen to ask
// for 1,000 records, here 100 MiB, of which Kinesis gives 10 MiB for each shard.
func TestTheFirstPageIsSmall(t *testing.T) {
	const recordBytes, records = 100 << 10, 60
	r := newRig(t, 1)
	for range records / 20 {
		in := &kinesis.PutRecordsInput{StreamName: &r.stream}
		for i := range 20 {
			data := fmt.Appendf(nil, `{"user":{"user_id":"%d"},"x":"%s"}`, i, strings.Repeat("x", recordBytes))
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String("p")})
		}
		if out, err := r.client.PutRecords(t.Context(), in); err != nil || *out.FailedRecordCount > 0 {
			t.Fatal(err)
		}
	}
	limits := &pageLimits{}
	r.kinesis.Add(faults.Rule{Operation: "GetRecords", Fault: limits.handle})
	n := r.run("a")
	testenv.Eventually(t, "not everything is read", func() bool { return n.metric("callevents_kinesis_records_read_total") == records })
	asked := limits.all()
	if len(asked) < 2 || asked[0]*recordBytes > 1<<20 || asked[1]*recordBytes > 1<<20 || asked[1]*recordBytes < 1<<19 {
		t.Errorf("asked for %v records of %d bytes: want the first page small, and then about 1 MiB", asked, recordBytes)
	}
}

// pageLimits notes how many records were asked for.
type pageLimits struct {
	mu    sync.Mutex
	limit []int
}

func (p *pageLimits) handle(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	var in struct{ Limit int }
	body, err := io.ReadAll(r.Body)
	if err == nil && json.Unmarshal(body, &in) == nil {
		p.mu.Lock()
		p.limit = append(p.limit, in.Limit)
		p.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	pass.ServeHTTP(w, r)
}

func (p *pageLimits) all() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int(nil), p.limit...)
}
