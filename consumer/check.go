package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/kcl"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/awsclient"
	"example.com/callevents/shared/httpserver"
	"example.com/callevents/shared/startup"
)

// checkTime bounds one step of a check, the SDK's retries included.
const checkTime = 30 * time.Second

// check makes the steps of a start, each once, and prints a line for each. The exit code is 0 if a run would start, 1 if it
// would not or would still wait, and 2 if the flags are wrong.
func check(ctx context.Context, args []string, out, errOut io.Writer) (exitCode int) {
	cfg := &Config{}
	if _, err := program().Parse("check", cfg, args); err != nil {
		fmt.Fprintf(errOut, "%v\nconsumer check --help tells what there is\n", err)
		return 2
	}
	cfg.Stream = nameOf(cfg.Stream, cfg.StreamARN)
	c := &checking{cfg: cfg, workerID: cfg.worker(), out: out}
	c.run(ctx)
	if c.problems > 0 {
		fmt.Fprintf(out, "a run would not start, or would wait: problems: %d\n", c.problems)
		return 1
	}
	fmt.Fprintln(out, "a run would start")
	return 0
}

// checking is one check.
type checking struct {
	cfg      *Config
	workerID string
	out      io.Writer
	problems int
}

// say prints a line. A text has no line breaks of its own, but for joined errors.
func (c *checking) say(verdict, thing, text string) {
	fmt.Fprintln(c.out, strings.TrimRight(fmt.Sprintf("%-9s  %-28s  %s", verdict, thing, printable(text)), " "))
}

// run is the order of a start: see [Config.consume].
func (c *checking) run(ctx context.Context) {
	if c.cfg.HTTP != "" {
		c.try(ctx, startup.Step{Name: "--http", Try: c.listen})
	}
	awsCfg, ok := c.credentials(ctx)
	if !ok {
		return
	}
	stream, ok := c.stream(ctx, awsCfg)
	if !ok {
		c.say("not tried", "lease table, bucket", "they belong to the stream")
		return
	}
	if c.cfg.Read == fanOut {
		c.fanOut(ctx, awsCfg, stream)
	}
	c.table(ctx, awsCfg, stream)
	c.bucket(ctx, awsCfg, stream)
}

// try makes one step and prints what came of it.
func (c *checking) try(ctx context.Context, step startup.Step) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	err := step.Try(ctx)
	switch {
	case err == nil:
		c.say("ok", step.Name, "")
	case errors.Is(err, startup.ErrNotTried):
		c.say("not tried", step.Name, err.Error())
	case startup.Passing(err):
		c.problems++
		c.say("problem", step.Name, err.Error()+"; a run waits for this, up to --start-timeout")
	default:
		c.problems++
		c.say("problem", step.Name, err.Error())
	}
	return err
}

// all makes several steps. After one that got no useful answer, the others would wait for the same.
func (c *checking) all(ctx context.Context, steps []startup.Step) {
	for i, step := range steps {
		if err := c.try(ctx, step); startup.Passing(err) {
			for _, left := range steps[i+1:] {
				c.say("not tried", left.Name, startup.ErrNotTried.Error())
			}
			return
		}
	}
}

func (c *checking) listen(context.Context) error {
	listener, err := httpserver.Listen(c.cfg.HTTP)
	if err != nil {
		return err
	}
	return listener.Close()
}

// credentials says whose they are, if STS says so. The run itself never asks STS: no answer is no problem.
func (c *checking) credentials(ctx context.Context) (cfg aws.Config, ok bool) {
	err := c.try(ctx, startup.Step{Name: "AWS credentials", Try: func(ctx context.Context) (err error) {
		cfg, err = loadAWS(c.cfg.StreamARN)(ctx)
		return err
	}})
	if err != nil {
		return cfg, false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	who, err := awsclient.Identity(ctx, cfg)
	if err != nil {
		who = err.Error()
	}
	c.say("-", "region, who", cfg.Region+", "+who)
	return cfg, true
}

// stream reports false if the stream was not described.
func (c *checking) stream(ctx context.Context, cfg aws.Config) (streamInfo, bool) {
	p := &streamProbe{client: awsclient.Kinesis(cfg), name: c.cfg.Stream, arn: c.cfg.StreamARN}
	c.all(ctx, p.steps())
	found := p.info
	if found.identity == "" {
		return found, false
	}
	c.say("-", "stream", fmt.Sprintf("%s, %d open shards, keeps records for %.0f h", found.identity, found.shards, found.retention.Hours()))
	c.say("-", "clock", fmt.Sprintf("%+.1f s against that of AWS; no decision depends on it", found.ahead.Seconds()))
	return found, true
}

// fanOut registers nothing, since that costs.
func (c *checking) fanOut(ctx context.Context, cfg aws.Config, stream streamInfo) {
	consumer := kcl.NewRegistration(awsclient.Kinesis(cfg), stream.arn, c.cfg.App, nil)
	c.all(ctx, []startup.Step{
		{Name: "kinesis:DescribeStreamConsumer", Try: func(ctx context.Context) error {
			err := consumer.Find(ctx)
			var absent *types.ResourceNotFoundException
			if errors.As(err, &absent) {
				c.say("not tried", "kinesis:RegisterStreamConsumer", "a run would register consumer "+c.cfg.App+", which costs by the hour and shard")
				return nil
			}
			return err
		}},
		{Name: "kinesis:SubscribeToShard", Try: func(ctx context.Context) error {
			if consumer.ARN() == "" {
				return startup.ErrNotTried
			}
			return consumer.Allowed(ctx)
		}},
	})
}

func (c *checking) table(ctx context.Context, cfg aws.Config, stream streamInfo) {
	table := lease.NewDynamoDB(awsclient.DynamoDB(cfg), c.cfg.App, c.cfg.application(stream))
	there := false
	c.all(ctx, []startup.Step{
		{Name: "lease table", Try: func(ctx context.Context) error { return table.Check(ctx, c.cfg.lease(c.workerID, nil), stream.shards) }},
		{Name: "dynamodb:DescribeTable", Try: func(ctx context.Context) (err error) {
			there, err = table.Exists(ctx)
			return err
		}},
	})
	if !there {
		c.say("not tried", "dynamodb:CreateTable", "there is no table "+c.cfg.App+" yet: the first start makes it")
		return
	}
	c.all(ctx, table.Tries())
}

func (c *checking) bucket(ctx context.Context, cfg aws.Config, stream streamInfo) {
	client := awsclient.S3(cfg, c.cfg.BucketOwner)
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	store := warehouse.NewStore(c.cfg.warehouse(c.workerID, stream), client, warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(quiet))
	before := c.problems
	c.all(ctx, store.Looks())
	if c.problems > before {
		c.say("not tried", "s3:PutObject", "nothing is written where reading has a problem")
		return
	}
	var trial *warehouse.Store
	err := c.try(ctx, startup.Step{Name: "probes of earlier starts", Try: func(ctx context.Context) (err error) {
		trial, err = store.Trial(ctx)
		return err
	}})
	if err != nil {
		return
	}
	c.all(ctx, trial.Tries())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime) // also after Ctrl-C
	defer cancel()
	if err := trial.Remove(ctx, client); err != nil {
		c.say("-", "probes of this check", err.Error())
	}
}
