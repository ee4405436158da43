package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/callevents/producer/pace"
	"example.com/callevents/producer/put"
	"example.com/callevents/producer/stream"
	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/units"
)

// Config is the producer's command line. Each flag can also be set by an environment variable, CALLEVENTS_<FLAG_NAME>; the
// flag wins. Region, credentials and endpoints of AWS are configured as for every AWS program. The flags here are those of
// both commands.
type Config struct {
	Run    RunConfig `cmd:"" default:"withargs" help:"Put call events into the stream. This is the default; the other command is resend."`
	Resend struct{}  `cmd:"" help:"Put the events of the spill file as fast as the shards take them, and remove it."`
	Health struct{}  `cmd:"" help:"Ask the producer at --http for its health: the health check of a container, which has no curl."`

	Stream       string        `group:"Stream" default:"AForB_callevents" help:"Name of the data stream."`
	StreamARN    string        `group:"Stream" name:"stream-arn" placeholder:"ARN" help:"ARN of the data stream, instead of its name. The stream must exist; it may belong to another account."`
	StartTimeout time.Duration `group:"Stream" default:"5m" help:"How long a start waits for what may pass by itself: a stream that is being created, throttling, no network."`

	RecordTTL time.Duration `group:"Delivery" name:"record-ttl" default:"5m" help:"Age at which a record that could not be put goes to the spill file."`
	Spill     string        `group:"Delivery" default:"callevents-spill.ndjson" help:"File for events that could not be put; \"producer resend\" puts them. Events that the stream refuses go to a file beside it, NAME.rejected.ndjson."`

	Ledger    string `group:"Reports" placeholder:"FILE" help:"CSV file to which each acknowledged record appends a line: call_id, shard, sequence number, the number of attempts with unknown outcome, and the identity, if it has one."`
	Summary   string `group:"Reports" placeholder:"FILE" help:"File for the summary as JSON."`
	HTTP      string `group:"Reports" name:"http" placeholder:"HOST:PORT" help:"Serve a status page, /metrics, /healthz and /readyz at this address."`
	LogFormat string `group:"Reports" default:"text" values:"text,json" help:"text or json."`
	LogLevel  string `group:"Reports" default:"info" values:"debug,info,warn,error" help:"debug, info, warn or error."`
}

// RunConfig is what only a run has.
type RunConfig struct {
	Create     bool              `group:"Stream" default:"true" negatable:"" help:"Create the stream if it is absent. It costs money until it is deleted."`
	Shards     int32             `group:"Stream" default:"4" help:"Number of shards, if the stream is created. An existing stream is never changed."`
	StreamMode string            `group:"Stream" default:"provisioned" values:"provisioned,on-demand" help:"Capacity mode, if the stream is created: provisioned or on-demand."`
	Retention  time.Duration     `group:"Stream" default:"0" help:"Retention period, if the stream is created: 1d to 365d; 0: AWS's default, 1d."`
	KMSKey     string            `group:"Stream" name:"kms-key" placeholder:"KEY" help:"KMS key that encrypts the stream, if it is created: id, ARN or alias/NAME."`
	Tags       map[string]string `group:"Stream" placeholder:"NAME=VALUE;..." help:"Tags of the stream, if it is created."`

	Rate     pace.Rate     `group:"Events" default:"1" help:"Records per second, such as 1 or 0.5; or 100/s, 30/m, 1/h; max: as fast as the limits of the shards allow."`
	Count    int64         `group:"Events" default:"0" help:"Number of records after which the run ends; 0: no end."`
	Duration time.Duration `group:"Events" default:"0" help:"Time after which the run ends, such as 30s, 2h or 7d; 0: no end."`
	OnStall  string        `group:"Events" default:"catch-up" values:"catch-up,skip" help:"Records that were due during a stall of the stream: catch-up puts them late, skip leaves them out."`
	Seed     uint64        `group:"Events" default:"0" help:"Runs with the same seed make the same events, except for the timestamps; 0: random."`
	Input    string        `group:"Events" placeholder:"FILE" help:"NDJSON file with events to put instead of generated ones; -: standard input."`

	Journal      string        `group:"Delivery" placeholder:"FILE" help:"File by which a producer that was killed goes on with --input where it was: start it again with the same flags. What it puts again keeps its identity, and the consumer drops it."`
	Linger       time.Duration `group:"Delivery" default:"100ms" help:"How long a call waits for more records. With --aggregate a container waits as long before that."`
	InFlight     int           `group:"Delivery" default:"8" help:"Number of calls at the same time, 1 to 256."`
	ShardRecords int           `group:"Delivery" default:"1000" help:"Limit of a shard in records per second; 0: no limit."`
	ShardBytes   units.Bytes   `group:"Delivery" default:"1MB" help:"Limit of a shard in bytes per second, partition keys included; 0: no limit."`
	Aggregate    bool          `group:"Delivery" help:"Pack many events into one record, in the format of the Kinesis Producer Library."`
	Identity     bool          `group:"Delivery" default:"true" negatable:"" help:"Give each event an identity, in the partition key, by which the consumer drops what is sent again. Without it the partition key is the call_id."`
	StrictOrder  bool          `group:"Delivery" help:"Put one record at a time to each shard, so that it has them in order also after a failure. Slow."`
}

// resending is the configuration of a resend: as fast as the shards take, into a stream that is there.
func resending() RunConfig {
	return RunConfig{Rate: pace.Max, OnStall: "catch-up", Linger: 100 * time.Millisecond, InFlight: 8, ShardRecords: 1000, ShardBytes: 1e6, Identity: true}
}

// Validate reports every problem at once, each on a line of its own. Kong calls it after parsing.
func (c *Config) Validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(flag, value string, allowed ...string) {
		check(slices.Contains(allowed, value), "--%s %q: use one of %q", flag, value, allowed)
	}
	check(streams.ValidName(c.Stream), "--stream %q: use 1 to 128 letters, digits, _ . or -", c.Stream)
	check(c.StreamARN == "" || streams.ValidARN(c.StreamARN), "--stream-arn %q: use arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", c.StreamARN)
	check(c.Run.Shards >= 1 && c.Run.Shards <= 100_000, "--shards %d: use 1 to 100000", c.Run.Shards)
	check(c.StartTimeout >= time.Second, "--start-timeout %s: use 1s or more", c.StartTimeout)
	oneOf("stream-mode", c.Run.StreamMode, "provisioned", "on-demand")
	check(c.Run.Retention == 0 || (c.Run.Retention >= 24*time.Hour && c.Run.Retention <= 8760*time.Hour && c.Run.Retention%time.Hour == 0),
		"--retention %s: use whole hours from 1d to 365d, or 0", c.Run.Retention)
	check(c.Run.Rate > 0 && (c.Run.Rate <= 1e6 || c.Run.Rate == pace.Max), "--rate %s: use a number above 0 and up to 1000000 per second, or max", c.Run.Rate)
	check(c.Run.Count >= 0, "--count %d: use 0 or more", c.Run.Count)
	check(c.Run.Duration >= 0, "--duration %s: use 0 or more", c.Run.Duration)
	oneOf("on-stall", c.Run.OnStall, "catch-up", "skip")
	check(c.Run.Linger >= 0 && c.Run.Linger <= 10*time.Second, "--linger %s: use 0s to 10s", c.Run.Linger)
	check(c.Run.OnStall != "skip" || c.Run.Linger <= pace.StallAfter/4, "--linger %s with --on-stall skip: use %s or less, or the wait for more records looks like a stall", c.Run.Linger, pace.StallAfter/4)
	check(c.Run.InFlight >= 1 && c.Run.InFlight <= 256, "--in-flight %d: use 1 to 256", c.Run.InFlight)
	check(c.Run.ShardRecords >= 0, "--shard-records %d: use 0 or more", c.Run.ShardRecords)
	check(c.Run.ShardBytes >= 0 && c.Run.ShardBytes <= units.GiB, "--shard-bytes %s: use 0 to 1GiB", c.Run.ShardBytes)
	check(!c.Run.Aggregate || !c.Run.StrictOrder, "--aggregate and --strict-order: use one of them")
	check(c.Run.Journal == "" || (c.Run.Input != "" && c.Run.Input != "-"), "--journal: name a file with --input, which can be read again")
	check(c.Run.Journal == "" || c.Run.Identity, "--journal and --no-identity: use one of them, a journal repeats identities")
	check(c.RecordTTL >= time.Second, "--record-ttl %s: use 1s or more", c.RecordTTL)
	check(c.Spill != "", "--spill: name a file")
	for i, file := range c.files() {
		check(file == "" || !slices.Contains(c.files()[:i], file), "%s: two flags name this file", file)
	}
	oneOf("log-format", c.LogFormat, "text", "json")
	oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	return errors.Join(problems...)
}

// files are the files that the producer reads or writes. No two flags may name the same one.
func (c *Config) files() []string {
	return []string{c.Run.Input, c.Run.Journal, c.Spill, asidePath(c.Spill), c.Ledger, c.Summary}
}

// needsShards says that the run is of no use on a stream that distributes records itself.
func (c *Config) needsShards() bool {
	return c.Run.Aggregate || c.Run.StrictOrder || c.Run.Journal != ""
}

func (c *Config) streamID() string {
	if c.StreamARN != "" {
		return c.StreamARN
	}
	return c.Stream
}

// wanted is the stream in a region.
func (c *Config) wanted(region string) stream.Wanted {
	return stream.Wanted{Name: c.Stream, ARN: c.StreamARN, Region: region, Create: c.Run.Create, Shards: c.Run.Shards, OnDemand: c.Run.StreamMode == "on-demand",
		RetentionHours: int32(c.Run.Retention / time.Hour), KMSKey: c.Run.KMSKey, Tags: c.Run.Tags}
}

// sender is for a stream whose largest record has that size.
func (c *Config) sender(maxRecordBytes int) put.Config {
	sender := put.Config{Stream: c.Stream, StreamARN: c.StreamARN, Linger: c.Run.Linger, InFlight: c.Run.InFlight,
		ShardRecords: c.Run.ShardRecords, ShardBytes: int(c.Run.ShardBytes), MaxRecordBytes: maxRecordBytes,
		RecordTTL: c.RecordTTL, Aggregate: c.Run.Aggregate, StrictOrder: c.Run.StrictOrder}
	if c.Run.OnStall == "skip" {
		sender.BlockAfter = pace.StallAfter // Put blocks during a stall, and so the pacer notices it
	}
	return sender
}

func (c *Config) pace() pace.Config {
	return pace.Config{Rate: c.Run.Rate, Count: uint64(c.Run.Count), Duration: c.Run.Duration, SkipMissed: c.Run.OnStall == "skip"}
}
