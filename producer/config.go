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
)

// Config is the producer's command line. Each flag can also be set by an environment variable, CALLEVENTS_<FLAG_NAME>; the
// flag wins. Region, credentials and endpoints of AWS are configured as for every AWS program.
type Config struct {
	Run    struct{} `cmd:"" default:"withargs" help:"Put call events into the stream (the default)."`
	Resend struct{} `cmd:"" help:"Put the events of the spill file, and remove it."`

	Stream       string            `group:"Stream" default:"AForB_callevents" help:"Name of the data stream."`
	StartTimeout time.Duration     `group:"Stream" default:"5m" help:"How long a start waits for what may pass by itself: a stream that is being created, throttling, no network."`
	StreamARN    string            `group:"Stream" name:"stream-arn" placeholder:"ARN" help:"ARN of the data stream, instead of its name. The stream must exist; it may belong to another account."`
	Shards       int32             `group:"Stream" default:"4" help:"Number of shards, if the stream is created. An existing stream is never changed."`
	StreamMode   string            `group:"Stream" default:"provisioned" help:"Capacity mode, if the stream is created: provisioned or on-demand."`
	Retention    time.Duration     `group:"Stream" default:"0" help:"Retention period, if the stream is created: 24h to 8760h; 0: AWS's default, 24h."`
	KMSKey       string            `group:"Stream" name:"kms-key" placeholder:"KEY" help:"KMS key that encrypts the stream, if it is created: id, ARN or alias/NAME."`
	Tags         map[string]string `group:"Stream" placeholder:"NAME=VALUE;..." help:"Tags of the stream, if it is created."`

	Rate     pace.Rate     `group:"Events" default:"1" help:"Records per second, such as 1 or 0.5; or 100/s, 30/m, 1/h; max: as fast as the limits of the shards allow."`
	Count    int64         `group:"Events" default:"0" help:"Number of records after which the run ends; 0: no end."`
	Duration time.Duration `group:"Events" default:"0" help:"Time after which the run ends, such as 30s or 2h; 0: no end."`
	OnStall  string        `group:"Events" default:"catch-up" help:"Records that were due during a stall of the stream: catch-up puts them late, skip leaves them out."`
	Seed     uint64        `group:"Events" default:"0" help:"Runs with the same seed make the same events, except for the timestamps; 0: random."`
	Input    string        `group:"Events" placeholder:"FILE" help:"NDJSON file with events to put instead of generated ones; -: standard input."`

	Linger       time.Duration `group:"Delivery" default:"100ms" help:"How long a call waits for more records. With --aggregate a container waits as long before that."`
	InFlight     int           `group:"Delivery" default:"8" help:"Number of calls at the same time, 1 to 256."`
	ShardRecords int           `group:"Delivery" default:"1000" help:"Limit of a shard in records per second; 0: no limit."`
	ShardBytes   int           `group:"Delivery" default:"1000000" help:"Limit of a shard in bytes per second, partition keys included; 0: no limit."`
	Aggregate    bool          `group:"Delivery" help:"Pack many events into one record, in the format of the Kinesis Producer Library."`
	StrictOrder  bool          `group:"Delivery" help:"Put one record at a time to each shard, so that it has them in order also after a failure. Slow."`
	RecordTTL    time.Duration `group:"Delivery" name:"record-ttl" default:"5m" help:"Age at which a record that could not be put goes to the spill file."`
	Spill        string        `group:"Delivery" default:"callevents-spill.ndjson" help:"File for events that could not be put; \"producer resend\" puts them."`

	Ledger    string `group:"Reports" placeholder:"FILE" help:"CSV file to which each acknowledged record appends a line: call_id, shard, sequence number, and the number of attempts with unknown outcome, if any."`
	Summary   string `group:"Reports" placeholder:"FILE" help:"File for the summary as JSON."`
	HTTP      string `group:"Reports" name:"http" placeholder:"HOST:PORT" help:"Serve /metrics and /healthz at this address."`
	LogFormat string `group:"Reports" default:"text" help:"text or json."`
	LogLevel  string `group:"Reports" default:"info" help:"debug, info, warn or error."`
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
	check(c.Shards >= 1 && c.Shards <= 100_000, "--shards %d: use 1 to 100000", c.Shards)
	check(c.StartTimeout >= time.Second, "--start-timeout %s: use 1s or more", c.StartTimeout)
	oneOf("stream-mode", c.StreamMode, "provisioned", "on-demand")
	check(c.Retention == 0 || (c.Retention >= 24*time.Hour && c.Retention <= 8760*time.Hour && c.Retention%time.Hour == 0),
		"--retention %s: use whole hours from 24h to 8760h, or 0", c.Retention)
	check(c.Rate > 0 && (c.Rate <= 1e6 || c.Rate == pace.Max), "--rate %s: use a number above 0 and up to 1000000 per second, or max", c.Rate)
	check(c.Count >= 0, "--count %d: use 0 or more", c.Count)
	check(c.Duration >= 0, "--duration %s: use 0 or more", c.Duration)
	oneOf("on-stall", c.OnStall, "catch-up", "skip")
	check(c.Linger >= 0 && c.Linger <= 10*time.Second, "--linger %s: use 0s to 10s", c.Linger)
	check(c.OnStall != "skip" || c.Linger <= pace.StallAfter/4, "--linger %s with --on-stall skip: use %s or less, or the wait for more records looks like a stall", c.Linger, pace.StallAfter/4)
	check(c.InFlight >= 1 && c.InFlight <= 256, "--in-flight %d: use 1 to 256", c.InFlight)
	check(c.ShardRecords >= 0, "--shard-records %d: use 0 or more", c.ShardRecords)
	check(c.ShardBytes >= 0, "--shard-bytes %d: use 0 or more", c.ShardBytes)
	check(!c.Aggregate || !c.StrictOrder, "--aggregate and --strict-order: use one of them")
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
	return []string{c.Input, c.Spill, asidePath(c.Spill), c.Ledger, c.Summary}
}

func (c *Config) streamID() string {
	if c.StreamARN != "" {
		return c.StreamARN
	}
	return c.Stream
}

func (c *Config) wanted() stream.Wanted {
	return stream.Wanted{Name: c.Stream, ARN: c.StreamARN, Shards: c.Shards, OnDemand: c.StreamMode == "on-demand",
		RetentionHours: int32(c.Retention / time.Hour), KMSKey: c.KMSKey, Tags: c.Tags}
}

// sender is for a stream whose largest record has that size.
func (c *Config) sender(maxRecordBytes int) put.Config {
	sender := put.Config{Stream: c.Stream, StreamARN: c.StreamARN, Linger: c.Linger, InFlight: c.InFlight,
		ShardRecords: c.ShardRecords, ShardBytes: c.ShardBytes, MaxRecordBytes: maxRecordBytes,
		RecordTTL: c.RecordTTL, Aggregate: c.Aggregate, StrictOrder: c.StrictOrder}
	if c.OnStall == "skip" {
		sender.BlockAfter = pace.StallAfter // Put blocks during a stall, and so the pacer notices it
	}
	return sender
}

func (c *Config) pace() pace.Config {
	return pace.Config{Rate: c.Rate, Count: uint64(c.Count), Duration: c.Duration, SkipMissed: c.OnStall == "skip"}
}
