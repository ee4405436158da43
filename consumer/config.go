package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/logging"
	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/units"
)

// Log is how both commands log.
type Log struct {
	LogFormat string `default:"text" values:"text,json" help:"Log format: text or json."`
	LogLevel  string `default:"info" values:"debug,info,warn,error" help:"Log level: debug, info, warn or error."`
}

func (l *Log) logger(out io.Writer) (*logrus.Logger, error) {
	return logging.New(out, l.LogFormat, l.LogLevel)
}

// Config is everything that can be set, by flag or by environment variable (CALLEVENTS_<FLAG_NAME>).
type Config struct {
	Stream    string `default:"AForB_callevents" help:"Stream to read."`
	StreamARN string `name:"stream-arn" placeholder:"ARN" help:"ARN of the stream to read, instead of its name. It may belong to another account; its region must be that of this program."`

	App    string `default:"callevents-consumer" help:"Application name: instances with the same name share the shards. Also the name of the lease table in DynamoDB."`
	Bucket string `default:"aforb-consumer-data" help:"Bucket of the warehouse."`
	Prefix string `default:"mandir-event-records/" help:"Prefix of the objects, with a slash at the end."`

	ErrorsPrefix string `default:"mandir-event-errors/" help:"Prefix of the dead letters, with a slash at the end."`
	WorkerID     string `placeholder:"NAME" help:"Name of this instance in the lease table and the log; a random part is added, so that two processes never pass for one. Default: host and process number."`
	Start        string `default:"TRIM_HORIZON" values:"TRIM_HORIZON,LATEST" help:"Where an application starts that has never run: TRIM_HORIZON (the oldest record), LATEST (the time of this first start), or a time (RFC 3339). Later starts go on where the last ended."`

	Read string `default:"polling" help:"How shards are read: polling (GetRecords, which all applications of a stream share) or fan-out (enhanced fan-out: 2 MB a second and shard of its own, pushed at once; it costs, see docs/operations.md)."`

	FlushInterval time.Duration `default:"60s" help:"An object is written at the latest this long after its first record arrived, and one poll; while the shard is read behind its tip, after that record was read. At least 100ms."`
	FlushBytes    units.Bytes   `default:"8MiB" help:"An object is written when it holds this much before compression. At most 48MiB. Times the shards held, it bounds the memory."`
	FlushRecords  int           `default:"0" help:"An object is written when it holds this many records. 0: no limit."`
	Format        string        `default:"ndjson" values:"ndjson,parquet" help:"Format of the objects: ndjson (one JSON record a line) or parquet (typed columns)."`
	Compression   string        `default:"gzip" values:"gzip,zstd,none" help:"Compression of ndjson objects: gzip, zstd or none. Parquet compresses its columns by itself."`

	ShardReadBytes units.Bytes `default:"2MB" help:"Bytes a second that are read of a shard at most, partition keys included. The default is Kinesis' quota, which all applications that poll the stream share. 0: as fast as the server answers."`

	LeaseDuration time.Duration `default:"10s" help:"A worker that was not heard of for this long loses its shards. Shorter: quicker recovery from a crash, more DynamoDB requests (see docs/operations.md). At least 1s."`
	SyncInterval  time.Duration `default:"1s" help:"Pause between two looks at the lease table while shards are moving. Shorter: quicker balance, more reads while it lasts. At most half the lease duration."`

	StartTimeout time.Duration `default:"5m" help:"How long a start waits for what may pass by itself, such as a stream that is not there yet or throttling. What only a person can mend ends it at once."`

	HTTP string `name:"http" placeholder:"HOST:PORT" help:"Address of the status page, /metrics, /healthz and /readyz, such as 127.0.0.1:9090. Default: off."`

	Owner `embed:""`
	Log   `embed:""`
}

// maxFlushBytes leaves room for the record that fills a batch, of 10 MiB at most: an object, which is held in memory and
// sent in one request, stays below 64 MiB.
const maxFlushBytes = 48 * units.MiB

// Validate reports every problem at once. Kong calls it after parsing.
func (c *Config) Validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(streams.ValidName(c.Stream), "--stream %q: use 1 to 128 letters, digits, _ . or -", c.Stream)
	problems = append(problems, checkARN(c.StreamARN))
	check(tableName.MatchString(c.App), "--app %q: use 3 to 255 letters, digits, _ . or -, as for a DynamoDB table", c.App)
	check(!strings.HasPrefix(c.Bucket, "arn:"), "--bucket %q: use the name of a bucket, or the alias of an access point (it ends in -s3alias), instead of an ARN", c.Bucket)
	check(!directoryBucket.MatchString(c.Bucket), "--bucket %q is a directory bucket, which does not list by a part of a name: use a general purpose bucket", c.Bucket)
	check(strings.HasPrefix(c.Bucket, "arn:") || bucketName.MatchString(c.Bucket), "--bucket %q: use 3 to 63 small letters, digits, . or -", c.Bucket)
	for flag, value := range map[string]string{"prefix": c.Prefix, "errors-prefix": c.ErrorsPrefix} {
		check(strings.HasSuffix(value, "/") && !strings.HasPrefix(value, "/"), "--%s %q: must end with a slash and not begin with one", flag, value)
		check(strings.IndexFunc(value, notASCII) < 0, "--%s %q: must be printable ASCII, since it stands in the objects' metadata", flag, value)
	}
	check(strings.IndexFunc(c.WorkerID, notASCII) < 0, "--worker-id %q: must be printable ASCII, too", c.WorkerID)
	check(!strings.HasPrefix(c.ErrorsPrefix, c.Prefix) && !strings.HasPrefix(c.Prefix, c.ErrorsPrefix),
		"--prefix %q and --errors-prefix %q: neither may contain the other", c.Prefix, c.ErrorsPrefix)
	_, err := c.startAt(time.Now())
	check(err == nil, "--start %q: use TRIM_HORIZON, LATEST or a time such as 2026-01-31T12:00:00Z that is not in the future", c.Start)
	check(c.Read == polling || c.Read == fanOut, "--read %q: use polling or fan-out", c.Read)
	check(c.Read != fanOut || len(c.App) <= maxConsumerName, "--app %q: at most 128 characters with --read fan-out, which registers a consumer of that name", c.App)
	check(c.FlushInterval >= 100*time.Millisecond, "--flush-interval %v: at least 100ms", c.FlushInterval)
	check(c.FlushBytes >= 1 && c.FlushBytes <= maxFlushBytes, "--flush-bytes %v: 1B to 48MiB", c.FlushBytes)
	check(c.FlushRecords >= 0, "--flush-records %d: 0 (no limit) or more", c.FlushRecords)
	check(c.Format == "ndjson" || c.Format == "parquet", "--format %q: use ndjson or parquet", c.Format)
	check(slices.Contains([]string{"gzip", "zstd", "none"}, c.Compression), "--compression %q: use gzip, zstd or none", c.Compression)
	check(c.ShardReadBytes >= 0 && c.ShardReadBytes <= units.GiB, "--shard-read-bytes %v: use 0 to 1GiB", c.ShardReadBytes)
	check(c.LeaseDuration >= time.Second, "--lease-duration %v: at least 1s", c.LeaseDuration)
	check(c.SyncInterval >= 50*time.Millisecond && c.SyncInterval <= c.LeaseDuration/2,
		"--sync-interval %v: from 50ms to half of --lease-duration (%v)", c.SyncInterval, c.LeaseDuration/2)
	check(c.StartTimeout >= time.Second, "--start-timeout %v: at least 1s", c.StartTimeout)
	_, _, err = net.SplitHostPort(c.HTTP)
	check(c.HTTP == "" || err == nil, "--http %q: use HOST:PORT, or :PORT for this machine alone", c.HTTP)
	_, err = c.logger(io.Discard)
	return errors.Join(append(problems, c.Owner.check(), err)...)
}

var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`) // API reference, CreateTable

var (
	bucketName      = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{2,254}$`) // S3 user guide; old buckets have longer names
	directoryBucket = regexp.MustCompile(`--xa?-s3$`)                          // and access points of such
)

func notASCII(r rune) bool { return r < ' ' || r > '~' }

// startAt returns the initial position for an application that starts for the first time: the zero time for
// TRIM_HORIZON.
func (c *Config) startAt(now time.Time) (time.Time, error) {
	switch c.Start {
	case "TRIM_HORIZON":
		return time.Time{}, nil
	case "LATEST":
		return now, nil
	}
	at, err := time.Parse(time.RFC3339, c.Start)
	if err == nil && at.After(now) {
		err = fmt.Errorf("%v is in the future", at)
	}
	return at, err
}

// worker returns the name of this process: unique to this start.
func (c *Config) worker() string {
	name := c.WorkerID
	if name == "" {
		host, _ := os.Hostname()
		name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	return name + "-" + strings.ToLower(rand.Text()[:6])
}
