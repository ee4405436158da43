package main_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv/faults"
)

func TestWrongFlagsAreReportedTogether(t *testing.T) {
	r := newRig(t)
	p := r.run(2, "--rate=-1", "--shards=0", "--aggregate", "--strict-order", "--retention=1h", "--on-stall=wait", "--stream-arn=x", "--log-level=loud", "--input=summary.json")
	for _, want := range []string{"--rate", "--shards", "--aggregate", "--retention", "--on-stall", "--stream-arn", "--log-level", "summary.json"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s is not reported:\n%s", want, p.stderr.String())
		}
	}
	if p := r.run(2, "--no-such-flag"); !strings.Contains(p.stderr.String(), "--help") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

// One file serves both commands, and its mistakes are reported as those of flags.
func TestAConfigurationFile(t *testing.T) {
	r := newRig(t)
	file := r.path("producer.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rat: 5\nshards: many\n")
	for _, command := range []string{"run", "resend"} {
		p := r.run(2, command, "--config", file)
		for _, want := range []string{"producer.yaml:1: rat is no flag, the nearest one is rate", "--shards", "--help"} {
			if !strings.Contains(p.stderr.String(), want) {
				t.Errorf("%s does not say %q:\n%s", command, want, p.stderr.String())
			}
		}
	}
	write("shards: 2\nrate: max\ncount: 5\ncreate: true\ntags: {team: calls}\n")
	r.run(0, "--config", file)
	if n := r.summary().Records; n != 5 {
		t.Errorf("%d records, want 5", n)
	}
	if p := r.run(0, "--version"); !strings.HasPrefix(p.stdout.String(), "producer ") || !strings.Contains(p.stdout.String(), " go1.") {
		t.Errorf("version: %s", p.stdout.String())
	}
}

// Before, the stream of that name in the region of the environment was meant.
func TestAnARNOfAnotherRegionEndsTheStart(t *testing.T) {
	r := newRig(t)
	if p := r.run(1, "--stream-arn", "arn:aws:kinesis:ap-south-1:123456789012:stream/calls"); !strings.Contains(p.stderr.String(), "AWS_REGION=ap-south-1") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

func TestARunThatCannotBeginSaysWhy(t *testing.T) {
	r := newRig(t)
	r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: faults.JSONError(400, "AccessDeniedException")})
	if p := r.run(1); !strings.Contains(p.stderr.String(), "kinesis:DescribeStreamSummary") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}

// A resend takes only what it needs, and no rate. Before, it took all flags of a run, and sent one record a second.
func TestAResendHasFewFlags(t *testing.T) {
	r := newRig(t)
	r.run(2, "resend", "--rate", "max")
	p, flags := r.run(0, "resend", "--help"), 0
	for line := range strings.Lines(p.stdout.String()) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			flags++
		}
	}
	if flags != 12 { // with --config and --version
		t.Errorf("%d flags:\n%s", flags, p.stdout.String())
	}
	r.run(2, "resend", "--input", "feed")
	r.createStream()
	if err := os.WriteFile(r.path("spill.ndjson"), []byte(r.lines(2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r.run(0, "resend")
	if took := time.Since(began); took > 20*time.Second || r.summary().Records != 2000 {
		t.Errorf("%d of 2000 records in %s", r.summary().Records, took)
	}
}

func TestWithoutCreateAnAbsentStreamIsAnError(t *testing.T) {
	r := newRig(t)
	p := r.run(1, "--create=false", "--count", "1")
	if !strings.Contains(p.stderr.String(), r.stream+" does not exist in region") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
	r.run(0, "--count", "1")
	r.run(0, "--create=false", "--count", "1")
}

// Before, days were no duration, and MB was 2^20.
func TestDaysAndSizesOnTheCommandLine(t *testing.T) {
	r := newRig(t)
	r.run(0, "--retention", "2d", "--shard-bytes", "1MB", "--duration", "0d", "--count", "1")
	found, err := r.client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream})
	if err != nil || *found.StreamDescriptionSummary.RetentionPeriodHours != 48 {
		t.Errorf("%+v, %v", found, err)
	}
	if p := r.run(2, "--shard-bytes", "1M"); !strings.Contains(p.stderr.String(), "8MiB (2^20)") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}
