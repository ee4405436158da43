package fanout

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// consumer is a registered one.
type consumer struct {
	stream, name, arn string
	created           time.Time
}

func (a *Adapter) status(c *consumer) string {
	if time.Since(c.created) < a.opts.Registering {
		return string(types.ConsumerStatusCreating)
	}
	return string(types.ConsumerStatusActive)
}

func (a *Adapter) output(c *consumer) map[string]any {
	return map[string]any{"ConsumerARN": c.arn, "ConsumerName": c.name, "ConsumerStatus": a.status(c),
		"ConsumerCreationTimestamp": c.created.Unix()}
}

// find returns a consumer by its ARN, or by its stream and name. The caller holds the lock.
func (a *Adapter) find(in request) *consumer {
	for _, c := range a.consumers {
		if c.arn == in.ConsumerARN || in.ConsumerARN == "" && c.stream == in.StreamARN && c.name == in.ConsumerName {
			return c
		}
	}
	return nil
}

func (a *Adapter) register(w http.ResponseWriter, _ *http.Request, in request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.find(in) != nil {
		refuse(w, "ResourceInUseException", "consumer "+in.ConsumerName+" exists")
		return
	}
	if a.count(in.StreamARN) >= a.opts.Consumers {
		refuse(w, "LimitExceededException", "the stream has as many consumers as it takes")
		return
	}
	c := &consumer{stream: in.StreamARN, name: in.ConsumerName, created: time.Now()}
	c.arn = fmt.Sprintf("%s/consumer/%s:%d", c.stream, c.name, c.created.UnixMicro())
	a.consumers[c.arn] = c
	answer(w, map[string]any{"Consumer": a.output(c)})
}

// count returns how many consumers a stream has. The caller holds the lock.
func (a *Adapter) count(streamARN string) (n int) {
	for _, c := range a.consumers {
		if c.stream == streamARN {
			n++
		}
	}
	return n
}

func (a *Adapter) describe(w http.ResponseWriter, _ *http.Request, in request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.find(in)
	if c == nil {
		refuse(w, "ResourceNotFoundException", "consumer "+in.ConsumerName+" not found")
		return
	}
	out := a.output(c)
	out["StreamARN"] = c.stream
	answer(w, map[string]any{"ConsumerDescription": out})
}

// summarize adds the number of consumers to the real answer. kinesalite knows neither it nor streams by ARN.
func (a *Adapter) summarize(w http.ResponseWriter, r *http.Request, in request) {
	body := fmt.Sprintf(`{"StreamName":%q}`, cmp.Or(in.StreamName, streamOf(in.StreamARN)))
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	recorder := httptest.NewRecorder()
	a.pass.ServeHTTP(recorder, r)
	var out struct{ StreamDescriptionSummary map[string]any }
	decoder := json.NewDecoder(bytes.NewReader(recorder.Body.Bytes()))
	decoder.UseNumber()
	if recorder.Code != http.StatusOK || decoder.Decode(&out) != nil {
		w.Header().Set("Content-Type", recorder.Header().Get("Content-Type"))
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	arn, _ := out.StreamDescriptionSummary["StreamARN"].(string)
	out.StreamDescriptionSummary["ConsumerCount"] = a.count(arn)
	answer(w, out)
}

// deregister ends the consumer's subscriptions, too.
func (a *Adapter) deregister(w http.ResponseWriter, _ *http.Request, in request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.find(in)
	if c == nil {
		refuse(w, "ResourceNotFoundException", "consumer "+in.ConsumerName+" not found")
		return
	}
	delete(a.consumers, c.arn)
	for at, s := range a.open {
		if at.consumer == c.arn {
			s.end(&types.ResourceNotFoundException{})
		}
	}
	answer(w, map[string]any{})
}

// Registered returns the names of the registered consumers of all streams.
func (a *Adapter) Registered() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.consumers {
		names = append(names, c.name)
	}
	return names
}

// streamOf returns the name of the stream in an ARN of a consumer.
func streamOf(consumerARN string) string {
	_, rest, _ := strings.Cut(consumerARN, ":stream/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}
