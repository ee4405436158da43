// Package e2e tests the built binaries against the real local servers, and ends with the verification that a user has.
package e2e_test

import (
	"testing"

	"example.com/callevents/shared/testenv"
)

// The consumer that is killed has records that it has not committed, and some that it has committed without a checkpoint.
// The next owner of its shards repeats the first and finds the second.
func TestNothingIsLostOrRepeatedWhenAConsumerIsKilled(t *testing.T) {
	t.Parallel()
	const records = 4000
	p := newPipeline(t, testenv.Kinesis(t))
	producer := p.producer(500, records)
	first, second := p.consumer("first"), p.consumer("second")
	p.awaitOwners("first", "second")
	p.awaitStored(records / 4)
	first.Kill()
	third := p.consumer("third")
	producer.finish()
	p.awaitStored(records)
	p.awaitOwners("second", "third")
	second.terminate()
	third.terminate()
	p.verify(records)
}

// Every consumer is stopped with SIGTERM at some time: first one while records flow, which hands its shards over, then all.
// Records that are put while no consumer runs wait for the next.
func TestNothingIsLostOrRepeatedWhenConsumersAreRestarted(t *testing.T) {
	t.Parallel()
	const records, later = 2000, 1000
	p := newPipeline(t, testenv.Kinesis(t))
	producer := p.producer(300, records)
	first, second := p.consumer("first"), p.consumer("second")
	p.awaitOwners("first", "second")
	p.awaitStored(records / 4)
	first.terminate()
	third := p.consumer("third")
	p.awaitOwners("second", "third")
	p.awaitStored(records / 2)
	second.terminate()
	third.terminate()
	producer.finish()
	p.producer(1000, later).finish()
	fourth := p.consumer("fourth")
	p.awaitStored(records + later)
	fourth.terminate()
	p.verify(records + later)
}

// The same with the second implementation of Kinesis, so that nothing relies on the habits of one. It is slow.
func TestNothingIsLostOrRepeatedOnKinesisLocal(t *testing.T) {
	t.Parallel()
	const records = 300
	p := newPipeline(t, testenv.KinesisLocal(t))
	producer := p.producer(20, records)
	first, second := p.consumer("first"), p.consumer("second")
	p.awaitOwners("first", "second")
	p.awaitStored(records / 4)
	first.Kill()
	third := p.consumer("third")
	producer.finish()
	p.awaitStored(records)
	second.terminate()
	third.terminate()
	p.verify(records)
}
