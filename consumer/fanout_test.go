package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/fanout"
	"example.com/callevents/shared/testenv/faults"
)

// newFanOutRig is a rig whose Kinesis knows enhanced fan-out.
func newFanOutRig(t *testing.T, opts fanout.Options) (*rig, *fanout.Server) {
	t.Helper()
	r := newRig(t)
	server, err := fanout.Listen(testenv.Kinesis(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	proxy, err := faults.Listen(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	r.proxies["Kinesis"].Close()
	r.proxies["Kinesis"] = proxy
	r.args = append(r.args, "--read", "fan-out")
	return r, server
}

func (r *rig) app() string { return r.args[3] }

// All instances share one registration, and it outlives them.
func TestAStartRegistersItsConsumerOnce(t *testing.T) {
	t.Parallel()
	r, server := newFanOutRig(t, fanout.Options{Registering: 2 * time.Second})
	for range 2 {
		a, b := r.start(t), r.start(t)
		for _, c := range []*consumer{a, b} {
			testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
		}
		testenv.Eventually(t, "nobody subscribes", func() bool { open, _ := server.Subscriptions(); return open == 2 })
		for _, c := range []*consumer{a, b} {
			if err := c.Stop(20 * time.Second); err != nil {
				t.Errorf("%v\n%s", err, c.all())
			}
		}
		if names := server.Registered(); len(names) != 1 || names[0] != r.app() {
			t.Errorf("registered: %v", names)
		}
	}
}

func TestAStartWaitsForItsConsumer(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]faults.Rule{
		"too many at once": {Operation: "RegisterStreamConsumer", Fault: faults.JSONError(400, "LimitExceededException")},
		"another is first": {Operation: "RegisterStreamConsumer", Fault: faults.JSONError(400, "ResourceInUseException")},
		"throttled":        {Operation: "DescribeStreamConsumer", Fault: faults.JSONError(400, "LimitExceededException")},
		"5xx":              {Operation: "SubscribeToShard", Fault: faults.JSONError(500, "InternalFailure")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newFanOutRig(t, fanout.Options{})
			fault := r.proxies["Kinesis"].Add(rule)
			c := r.start(t)
			testenv.Eventually(t, "does not say that it waits", func() bool {
				return c.said("the start waits for the consumer of enhanced fan-out") && fault.Hits() > 0 || !c.Running()
			})
			fault.Remove()
			testenv.Eventually(t, "does not start", func() bool { return c.said("consumer started") || !c.Running() })
			if !c.Running() {
				t.Error(c.all())
			}
		})
	}
}

// Seen to fail for the limit, which was waited for as for throttling: the code is the same.
func TestWhatAPersonMustMendEndsAStartByFanOut(t *testing.T) {
	t.Parallel()
	denied := faults.JSONError(400, "AccessDeniedException")
	for name, c := range map[string]struct {
		operation string
		fault     faults.Fault
		others    int // consumers of the stream
		want      string
	}{
		"describe":  {"DescribeStreamConsumer", denied, 0, "allow kinesis:DescribeStreamConsumer on the consumer "},
		"register":  {"RegisterStreamConsumer", denied, 0, "allow kinesis:RegisterStreamConsumer on the stream arn:aws:kinesis:"},
		"subscribe": {"SubscribeToShard", denied, 0, "allow kinesis:SubscribeToShard on the consumer arn:aws:kinesis:"},
		"limit":     {"", nil, 20, "the stream has 20 registered consumers, and takes no more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := newFanOutRig(t, fanout.Options{})
			client := kinesis.NewFromConfig(testenv.Config(server.URL()))
			out, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.args[1]})
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.others {
				in := &kinesis.RegisterStreamConsumerInput{StreamARN: out.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String(fmt.Sprint("other-", i))}
				if _, err := client.RegisterStreamConsumer(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if c.fault != nil {
				r.proxies["Kinesis"].Add(faults.Rule{Operation: c.operation, Fault: c.fault})
			}
			child := r.start(t)
			child.wantEnd(t, c.want)
			if n := r.proxies["DynamoDB"].Counts()["UpdateItem"]; n > 0 {
				t.Errorf("%d writes to the lease table of a start that failed", n)
			}
		})
	}
}

// A check registers nothing, since that costs, and subscribes as a start does once the consumer is there.
func TestACheckRegistersNothing(t *testing.T) {
	t.Parallel()
	r, server := newFanOutRig(t, fanout.Options{})
	r.wantCheck(t, 0, "ok kinesis:DescribeStreamConsumer", "not tried kinesis:RegisterStreamConsumer", "not tried kinesis:SubscribeToShard", "a run would start")
	if names := server.Registered(); len(names) != 0 {
		t.Fatalf("registered %q", names)
	}
	r.runOnce(t)
	r.wantCheck(t, 0, "ok kinesis:DescribeStreamConsumer", "ok kinesis:SubscribeToShard", "a run would start")
}
