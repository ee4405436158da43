package main_test

import (
	"strings"
	"testing"

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

func TestARunThatCannotBeginSaysWhy(t *testing.T) {
	r := newRig(t)
	r.throughProxy().Add(faults.Rule{Operation: "DescribeStreamSummary", Fault: faults.JSONError(400, "AccessDeniedException")})
	if p := r.run(1); !strings.Contains(p.stderr.String(), "kinesis:DescribeStreamSummary") {
		t.Errorf("standard error: %s", p.stderr.String())
	}
}
