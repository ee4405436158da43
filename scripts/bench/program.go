package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/servers"
)

// program is a started program.
type program struct {
	*children.Child
	cmd     *exec.Cmd
	started time.Time
	http    string // address of the consumer's metrics
	log     string // file with what it printed
}

// said returns the end of what the program printed.
func (p *program) said() string {
	const most = 2000
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-most):])
}

// start starts a program of the rig's, or another by its absolute path.
func (r *rig) start(endpoints servers.Endpoints, binary string, args ...string) (*program, error) {
	if !filepath.IsAbs(binary) {
		binary = filepath.Join(r.dir, binary)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Dir = endpoints.Environ(), r.dir
	name := filepath.Join(r.dir, filepath.Base(binary)+".log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has it
	cmd.Stdout, cmd.Stderr = log, log
	started := time.Now()
	child, err := children.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	p := &program{Child: child, cmd: cmd, started: started, log: name}
	r.programs = append(r.programs, p)
	return p, nil
}

// consumer starts ours. Its flush interval is so long that only what must write objects does.
func (r *rig) consumer(endpoints servers.Endpoints, stream, app string, args ...string) (*program, error) {
	http := servers.FreeAddr()
	p, err := r.start(endpoints, "consumer", append([]string{"--stream", stream, "--app", app, "--bucket", bucket,
		"--prefix", app + "/records/", "--errors-prefix", app + "/errors/", "--flush-interval", "1h", "--http", http}, args...)...)
	if err == nil {
		p.http = http
	}
	return p, err
}

// families reads the consumer's metrics; none while it does not answer.
func (p *program) families() map[string]*dto.MetricFamily {
	answer, err := http.Get("http://" + p.http + "/metrics") //nolint:noctx // on loopback, from a program of ours
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(answer.Body)
	return families
}

// consuming counts the shards that the consumer has read a page of, and still reads.
func (p *program) consuming() int {
	return len(p.families()["callevents_millis_behind_latest"].GetMetric())
}

// read returns the records that the consumer has read.
func (p *program) read() (n int) {
	for _, m := range p.families()["callevents_kinesis_records_read_total"].GetMetric() {
		n += int(m.GetCounter().GetValue())
	}
	return n
}

// peak returns the largest resident memory of a running program so far.
func (p *program) peak() (bytes int64) { return p.memory("VmHWM") }

// memory returns a figure of the kernel's about a running program, in bytes; 0 where the system does not tell.
func (p *program) memory(figure string) (bytes int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	for line := range strings.Lines(string(status)) {
		if n, err := fmt.Sscanf(line, figure+": %d kB", &bytes); n == 1 && err == nil {
			return bytes << 10
		}
	}
	return 0
}

// files counts the open file descriptors of a running program; 0 where the system does not tell.
func (p *program) files() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	return len(list)
}

// gauge reads a metric without labels.
func (p *program) gauge(name string) float64 {
	for _, m := range p.families()[name].GetMetric() {
		return m.GetGauge().GetValue()
	}
	return 0
}

// cpu is what an ended program has used, user and system time.
func (p *program) cpu() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// seconds is how durations stand in the tables.
func seconds(values ...time.Duration) string {
	var texts []string
	for _, d := range values {
		texts = append(texts, fmt.Sprintf("%.2f s", d.Seconds()))
	}
	return strings.Join(texts, ", ")
}
