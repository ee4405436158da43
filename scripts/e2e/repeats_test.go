package e2e_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/tidwall/gjson"

	"example.com/callevents/shared/event"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// Each fifth PutRecords is applied and answered with 500, so that its records are sent again, one by one or in containers. Seen to
// fail without identities: 1,119 of the 6,000 events were in the warehouse more than once.
func TestWhatAProducerSendsTwiceIsStoredOnce(t *testing.T) {
	for name, flags := range map[string][]string{"records": nil, "containers": {"--aggregate"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, testenv.Kinesis(t))
			proxy := p.kinesisThroughProxy()
			lost := proxy.Add(faults.Rule{Operation: "PutRecords", Share: 0.2, Fault: faults.Lose(faults.JSONError(http.StatusInternalServerError, "InternalFailure"))})
			producer := p.producer(1000, repeated, flags...)
			first, second := p.consumer("first"), p.consumer("second")
			producer.finish()
			p.awaitStored(repeated)
			first.terminate()
			second.terminate()
			p.verifyRepeats()
			t.Logf("%d calls were answered with 500", lost.Hits())
		})
	}
}

// repeated is how many events are put, some of them twice.
const repeated = 6000

// verifyRepeats wants each event in one line, by the lines themselves, by the ledger and by the stream.
func (p *pipeline) verifyRepeats() {
	p.Helper()
	calls := p.callIDs()
	twice, lines := 0, 0
	for _, n := range calls {
		lines += n
		if n > 1 {
			twice++
		}
	}
	if len(calls) != repeated || twice > 0 {
		p.Errorf("%d events in %d lines, %d of them twice", len(calls), lines, twice)
	}
	if r, out := p.audit("--allow-unchecked"); r.Records != repeated || r.Suspected+r.NotInLedger != 0 {
		p.Errorf("by the ledger alone:\n%s", out)
	}
	if r, out := p.audit("--stream", p.stream); r.CopiesDropped == 0 || r.Uncompared != 0 {
		p.Errorf("by the stream:\n%s", out)
	} else {
		p.Logf("%d copies dropped", r.CopiesDropped)
	}
}

// kinesisThroughProxy lets the programs that are started from now on reach Kinesis through a proxy.
func (p *pipeline) kinesisThroughProxy() *faults.Proxy {
	p.Helper()
	proxy, err := faults.Listen(testenv.Kinesis(p))
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(proxy.Close)
	for i, variable := range p.env {
		p.env[i] = strings.ReplaceAll(variable, testenv.Kinesis(p), proxy.URL())
	}
	return proxy
}

// callIDs counts the lines in the warehouse by call_id.
func (p *pipeline) callIDs() map[string]int {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, under := testenv.S3Client(p), prefix+"dt="
	calls := map[string]int{}
	for listings := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &p.bucket, Prefix: &under}); listings.HasMorePages(); {
		listing, err := listings.NextPage(ctx)
		if err != nil {
			p.Fatal(err)
		}
		for _, object := range listing.Contents {
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.bucket, Key: object.Key})
			if err != nil {
				p.Fatal(err)
			}
			text, err := gzip.NewReader(out.Body)
			if err != nil {
				p.Fatal(err)
			}
			for lines := bufio.NewScanner(text); lines.Scan(); {
				calls[gjson.GetBytes(lines.Bytes(), event.CallIDPath).Str]++
			}
			out.Body.Close()
		}
	}
	return calls
}
