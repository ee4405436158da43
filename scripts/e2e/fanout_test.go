package e2e_test

import (
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/fanout"
)

// newFanOutPipeline is a pipeline whose Kinesis knows enhanced fan-out.
func newFanOutPipeline(t *testing.T, kinesisURL string, opts fanout.Options) (*pipeline, *fanout.Server) {
	t.Helper()
	server, err := fanout.Listen(kinesisURL, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return newPipeline(t, server.URL()), server
}

// As with polling, a consumer is killed, and its shards are subscribed to by the next owner. Subscriptions last 12 s, and
// some of them break.
func TestNothingIsLostOrRepeatedByFanOut(t *testing.T) {
	t.Parallel()
	const records = 4000
	p, server := newFanOutPipeline(t, testenv.Kinesis(t), fanout.Options{Life: 12 * time.Second})
	producer := p.producer(200, records)
	first, second := p.consumer("first", "--read", "fan-out"), p.consumer("second", "--read", "fan-out")
	p.awaitOwners("first", "second")
	p.awaitStored(records / 4)
	first.Kill()
	third := p.consumer("third", "--read", "fan-out")
	for _, fault := range []fanout.Fault{fanout.Cut(), fanout.BadChecksum(), fanout.Exception("InternalFailureException"), fanout.Drop()} {
		server.Strike(1, fault)
	}
	producer.finish()
	p.awaitStored(records)
	p.awaitOwners("second", "third")
	if !server.Struck() {
		t.Error("no subscription was broken")
	}
	second.terminate()
	third.terminate()
	if names := server.Registered(); len(names) != 1 || names[0] != p.app {
		t.Errorf("registered: %v", names)
	}
	p.verify(records)
}

// Instances that read in one way take over from those that read in the other, in both directions.
func TestTheWayOfReadingIsChangedOneInstanceAtATime(t *testing.T) {
	t.Parallel()
	const records = 3000
	p, _ := newFanOutPipeline(t, testenv.Kinesis(t), fanout.Options{})
	producer := p.producer(200, records)
	first := p.consumer("first")
	p.awaitOwners("first")
	p.awaitStored(records / 4)
	second := p.consumer("second", "--read", "fan-out")
	p.awaitOwners("first", "second")
	first.terminate()
	p.awaitStored(records / 2)
	third := p.consumer("third", "--read", "polling")
	p.awaitOwners("second", "third")
	second.Kill()
	producer.finish()
	p.awaitStored(records)
	third.terminate()
	p.verify(records)
}

// The same with an implementation of SubscribeToShard that is not ours. It is slow.
func TestNothingIsLostOrRepeatedByFanOutOnKinesisLocal(t *testing.T) {
	t.Parallel()
	const records = 300
	p, _ := newFanOutPipeline(t, testenv.KinesisLocal(t), fanout.Options{Native: true})
	producer := p.producer(20, records)
	first, second := p.consumer("first", "--read", "fan-out"), p.consumer("second", "--read", "fan-out")
	p.awaitOwners("first", "second")
	p.awaitStored(records / 4)
	first.Kill()
	third := p.consumer("third", "--read", "fan-out")
	producer.finish()
	p.awaitStored(records)
	second.terminate()
	third.terminate()
	p.verify(records)
}
