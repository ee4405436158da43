package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/statuspage"
	"example.com/callevents/shared/streams"
	"example.com/callevents/shared/wait"
)

// shardsConfig says whose shards to show.
type shardsConfig struct {
	Stream    string `default:"AForB_callevents" help:"Stream, as the consumer's."`
	StreamARN string `name:"stream-arn" placeholder:"ARN" help:"ARN of the stream, instead of its name, as the consumer's."`
	App       string `default:"callevents-consumer" help:"Application name, as the consumer's."`
	Watch     bool   `help:"Show them again each two seconds, until it is stopped."`
}

// Validate reports every problem at once.
func (c *shardsConfig) Validate() error {
	var problems []error
	if !streams.ValidName(c.Stream) {
		problems = append(problems, fmt.Errorf("--stream %q: use 1 to 128 letters, digits, _ . or -", c.Stream))
	}
	if !tableName.MatchString(c.App) {
		problems = append(problems, fmt.Errorf("--app %q: use 3 to 255 letters, digits, _ . or -", c.App))
	}
	return errors.Join(append(problems, checkARN(c.StreamARN))...)
}

const (
	shardsTime  = time.Minute     // for one look, the list of shards included
	shardsEvery = 2 * time.Second // with --watch
)

// shards shows the shards of an application on a terminal, as the status page does. The exit code is 0 if all of them move, 1
// if not, and 2 if that could not be found out or the flags are wrong.
func shards(ctx context.Context, args []string, out *os.File, errOut io.Writer) (exitCode int) {
	var c shardsConfig
	_, err := program().Parse("shards", &c, args)
	var watched *shardWatch
	if err == nil {
		watched, err = c.open(ctx)
	}
	for err == nil {
		var v fleet.View
		if v, err = watched.look(ctx); err != nil {
			break
		}
		if info, statErr := out.Stat(); c.Watch && statErr == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprint(out, "\x1b[H\x1b[2J") // home, and clear the screen
		}
		printShards(out, v)
		if !c.Watch || wait.For(ctx, shardsEvery) != nil {
			return map[bool]int{true: 0, false: 1}[v.Totals.Moving == v.Totals.Shards]
		}
	}
	fmt.Fprintf(errOut, "shards: %v\n", err)
	return 2
}

// shardWatch looks at the shards.
type shardWatch struct {
	client  *kinesis.Client
	stream  string
	lookout *fleet.Lookout
	listed  time.Time
}

func (c *shardsConfig) open(ctx context.Context) (*shardWatch, error) {
	ctx, cancel := context.WithTimeout(ctx, shardsTime)
	defer cancel()
	config, err := loadAWS(c.StreamARN)(ctx)
	if err != nil {
		return nil, err
	}
	stream := nameOf(c.Stream, c.StreamARN)
	lookout := fleet.New(fleet.Config{Application: c.App, Stream: stream})
	lookout.Watch(lease.NewDynamoDB(awsclient.DynamoDB(config), c.App, lease.Application{}))
	return &shardWatch{client: awsclient.Kinesis(config), stream: stream, lookout: lookout}, nil
}

// look lists the shards each half minute, and reads the table. With --watch a table that cannot be read for a while is told in
// the view; at first it is an error.
func (w *shardWatch) look(ctx context.Context) (fleet.View, error) {
	ctx, cancel := context.WithTimeout(ctx, shardsTime)
	defer cancel()
	if time.Since(w.listed) > 30*time.Second {
		shards, err := streams.ListShards(ctx, w.client, &kinesis.ListShardsInput{StreamName: &w.stream})
		if err != nil {
			return fleet.View{}, fmt.Errorf("list shards of %s: %w", w.stream, err)
		}
		w.lookout.Sample(fleet.Own{Listed: fleet.FromKinesis(shards)})
		w.listed = time.Now()
	}
	v := w.lookout.View(ctx)
	if v.Table.ReadAt == nil {
		return v, fmt.Errorf("read the lease table: %s", v.Table.Error)
	}
	return v, nil
}

// printShards writes the sentence and a line for each shard.
func printShards(out io.Writer, v fleet.View) {
	fmt.Fprintf(out, "%s\n\n", v.Text)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SHARD\tREAD BY\tSTATE\tRECORDS/S\tBEHIND\tOLDEST NOT IN S3\tNEWEST OBJECT")
	for _, s := range v.Shards {
		rate, behind, oldest, newest := "-", "-", "-", "-"
		if s.Told {
			rate, behind, oldest = statuspage.Rate(s.Rate), s.Behind.String(), "none"
			if s.Oldest > 0 {
				oldest = s.Oldest.String()
			}
		}
		if s.Newest != nil {
			newest = fleet.Seconds(v.At.Sub(*s.Newest)).String() + " ago"
		}
		owner, state := s.Owner, strings.ReplaceAll(string(s.State), "_", " ")
		if owner == "" {
			owner = "nobody"
		}
		if s.Note != "" {
			state += ": " + s.Note
		}
		fmt.Fprintln(t, strings.Join([]string{s.ID, owner, state, rate, behind, oldest, newest}, "\t"))
	}
	_ = t.Flush()
	for _, d := range v.ToDo {
		fmt.Fprintf(out, "\n%s (%s): %s.\n", d.Words, d.Reason, d.Advice)
	}
	if len(v.Events) > 0 {
		fmt.Fprintln(out)
	}
	for _, e := range v.Events[:min(len(v.Events), 5)] {
		fmt.Fprintf(out, "%s  %s\n", e.At.UTC().Format(time.TimeOnly), e.Text)
	}
}
