// Package fanout lets the local Kinesis servers be read by enhanced fan-out.
//
// kinesalite does not know it. An [Adapter] in front of it makes SubscribeToShard of GetRecords, and keeps the registered
// consumers itself. It follows the API reference: one subscription for a consumer and shard, which a later one takes over;
// a refusal within five seconds of the last one; an end after five minutes, or sooner if a test says so; the children of a
// shard at its end. Faults can strike the events on their way, see [Fault].
//
// kinesis-local knows it, but leaves out the frame that the SDK wants first. [Listen] with [Options.Native] only adds that
// frame.
//
// All other requests pass through.
package fanout
