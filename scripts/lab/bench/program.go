package main

import (
	"fmt"
	"net/http"
	"os"
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
	started time.Time
	http    string // the address of a consumer's metrics
	log     string // a file with what it printed
}

// said returns the end of what the program printed.
func (p *program) said() string {
	const most = 2000
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-most):])
}

// start starts a program by its name, or by the absolute path of its binary.
func (r *rig) start(endpoints servers.Endpoints, binary string, args ...string) (*program, error) {
	if !filepath.IsAbs(binary) {
		binary = filepath.Join(r.bin, binary)
	}
	path := filepath.Join(r.dir, filepath.Base(binary)+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has it
	p := &program{started: time.Now(), log: path}
	if p.Child, err = children.StartProgram(log, endpoints.Environ(), binary, args...); err != nil {
		return nil, err
	}
	r.programs = append(r.programs, p)
	return p, nil
}

// consumer starts our consumer. Its flush interval is so long that objects are written only when shards move.
func (r *rig) consumer(endpoints servers.Endpoints, stream, app string, args ...string) (*program, error) {
	http := servers.FreeAddr()
	p, err := r.start(endpoints, "consumer", append([]string{"--stream", stream, "--app", app, "--bucket", bucket,
		"--prefix", app + "/records/", "--errors-prefix", app + "/errors/", "--flush-interval", "1h", "--http", http}, args...)...)
	if err == nil {
		p.http = http
	}
	return p, err
}

// families reads the consumer's metrics. There are none while it does not answer.
func (p *program) families() map[string]*dto.MetricFamily {
	answer, err := http.Get("http://" + p.http + "/metrics")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(answer.Body)
	return families
}

// consuming counts the shards of which the consumer has read a page and which it still reads.
func (p *program) consuming() int {
	return len(p.families()["callevents_millis_behind_latest"].GetMetric())
}

// read returns the records that the consumer has read.
func (p *program) read() int { return int(p.counter("callevents_kinesis_records_read_total")) }

// counter reads a metric without labels.
func (p *program) counter(name string) float64 {
	for _, m := range p.families()[name].GetMetric() {
		return m.GetCounter().GetValue()
	}
	return 0
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

// seconds prints durations for the tables.
func seconds(values ...time.Duration) string {
	var texts []string
	for _, d := range values {
		texts = append(texts, fmt.Sprintf("%.2f s", d.Seconds()))
	}
	return strings.Join(texts, ", ")
}
