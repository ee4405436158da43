package main_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // they mostly wait
	testenv.Main(m)
}

// Everything that is wrong is said at once, and the exit code tells wrong flags from a failed run.
func TestWrongFlags(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want []string
	}{
		"many": {
			args: []string{"--prefix", "x", "--compression", "rar", "--lease-duration", "10ms", "--log-level", "loud", "--start", "tomorrow",
				"--stream", "a b", "--app", "c", "--bucket-owner", "me", "--http", "9090", "--worker-id", "ä"},
			want: []string{`--prefix "x"`, `--compression "rar"`, "--lease-duration 10ms", "--sync-interval 1s", `--log-level "loud"`, `--start "tomorrow"`,
				`--stream "a b"`, `--app "c"`, `--bucket-owner "me"`, `--http "9090"`, `--worker-id "ä"`, "consumer --help"},
		},
		"future start":        {args: []string{"--start", "2999-01-01T00:00:00Z"}, want: []string{"not in the future"}},
		"overlapping":         {args: []string{"--errors-prefix", "mandir-event-records/errors/"}, want: []string{"neither may contain the other"}},
		"too large an object": {args: []string{"--flush-bytes", "49MiB"}, want: []string{"1B to 48MiB"}},
		"a bucket's ARN":      {args: []string{"--bucket", "arn:aws:s3:eu-north-1:123456789012:accesspoint/records"}, want: []string{"-s3alias"}},
		"a directory bucket":  {args: []string{"--bucket", "records--eun1-az1--x-s3"}, want: []string{"use a general purpose bucket"}},
		"no bucket":           {args: []string{"--bucket", "a/b", "--start-timeout", "0s"}, want: []string{`--bucket "a/b"`, "--start-timeout 0s"}},
		"not ASCII":           {args: []string{"--prefix", "événements/"}, want: []string{"printable ASCII"}},
		"environment":         {env: []string{"CALLEVENTS_FLUSH_INTERVAL=1ms"}, want: []string{"--flush-interval 1ms"}},
		"read":                {args: []string{"--read", "pushing"}, want: []string{`--read "pushing"`}},
		"a consumer's name":   {args: []string{"--read", "fan-out", "--app", strings.Repeat("a", 129)}, want: []string{"at most 128 characters"}},
		"redrive": {
			args: []string{"redrive", "--reason", "mood", "--day", "today", "--bucket-owner", "12345678901", "--log-format", "xml"},
			want: []string{`--reason "mood"`, `--day "today"`, `--bucket-owner "12345678901"`, `--log-format "xml"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), tc.args...)
			cmd.Env = append(cmd.Environ(), tc.env...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("ended with %v, want exit code 2", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

// The flags that others rely on, with their defaults and environment variables.
func TestHelp(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	help := strings.Join(strings.Fields(string(out)), " ")
	for flag, value := range map[string]string{
		"stream": `"AForB_callevents"`, "app": `"callevents-consumer"`, "bucket": `"aforb-consumer-data"`,
		"prefix": `"mandir-event-records/"`, "errors-prefix": `"mandir-event-errors/"`, "worker-id": "NAME", "start": `"TRIM_HORIZON"`, "read": `"polling"`,
		"flush-interval": "60s", "flush-bytes": "8MiB", "flush-records": "0", "format": `"ndjson"`, "compression": `"gzip"`,
		"lease-duration": "10s", "sync-interval": "1s", "start-timeout": "5m", "http": "HOST:PORT", "bucket-owner": "ACCOUNT", "log-format": `"text"`, "log-level": `"info"`,
	} {
		env := "($CALLEVENTS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) + ")"
		if !strings.Contains(help, "--"+flag+"="+value+" ") || !strings.Contains(help, env) {
			t.Errorf("no --%s=%s or no %s in\n%s", flag, value, env, out)
		}
	}
}

func TestAPortInUseEndsTheStartBeforeAWSIsAsked(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), "--http", taken.Addr().String())
	const nobody = "http://127.0.0.1:1"
	cmd.Env = servers.Endpoints{Kinesis: nobody, DynamoDB: nobody, S3: nobody}.Environ()
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "address already in use") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Whoever watches the probes sees a consumer that waits for its stream, not one that is dead.
func TestTheProbesAnswerWhileTheStreamIsAwaited(t *testing.T) {
	addr := servers.FreeAddr()
	cmd := exec.Command(testenv.Build(t, "./consumer"), "--http", addr, "--stream", testenv.Name(t, "absent"))
	cmd.Env = testenv.Env(t)
	child, err := children.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "503 starting", "/": "200 <!DOCTYPE html>"} {
		testenv.Eventually(t, path+" does not answer "+want, func() bool { return strings.HasPrefix(get("http://"+addr+path), want) })
	}
	if err := child.Stop(10 * time.Second); err != nil {
		t.Errorf("did not stop in order: %v", err)
	}
}

// get returns status code and body.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}
