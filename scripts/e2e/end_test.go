package e2e_test

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// S3 hangs, so after the first signal the drain takes up to a minute. Seen to fail when the second signal is caught, too.
func TestSecondSignalEndsTheConsumerAtOnce(t *testing.T) {
	s3, err := faults.Listen(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s3.Close()
	p := newPipeline(t, testenv.Kinesis(t))
	p.env = append(p.env, "AWS_ENDPOINT_URL_S3="+s3.URL())
	p.producer(1000, 100).finish()
	c := p.consumer("a", "--lease-duration", "1m")
	testenv.Eventually(t, "nothing is stored", func() bool { return p.stored() == 100 })
	hanging := s3.Add(faults.Rule{Operation: "PUT", Fault: faults.Hang()})
	p.producer(1000, 100).finish()
	testenv.Eventually(t, "no commit hangs", func() bool { return hanging.Hits() > 0 })
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.Ended():
		t.Fatalf("ended while a commit hangs: %v", c.Wait())
	case <-time.After(time.Second):
	}
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("goes on")
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("%v, want the end by the signal", err)
	}
}

// Seen to fail when the end of the stream is logged only.
func TestDeletedStreamEndsTheConsumerWithAnExitCode(t *testing.T) {
	p := newPipeline(t, testenv.Kinesis(t))
	p.producer(1000, 100).finish()
	c := p.consumer("a")
	testenv.Eventually(t, "nothing is stored", func() bool { return p.stored() == 100 })
	if _, err := testenv.KinesisClient(t).DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &p.stream}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Ended():
	case <-time.After(time.Minute):
		t.Fatal("goes on")
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v, want exit code 1", err)
	}
}
