// Package status is the consumer's window for people and machines, on the address given with --http:
//
//	/         a page: who this worker is, its shards, how far behind it is, its newest objects
//	/metrics  Prometheus
//	/healthz  200 while the process does its work, 503 with the reason if a loop has stopped: restart it
//	/readyz   200 once the worker takes part, 503 with what it still waits for: send no traffic, but leave it alone
//
// It only shows. It owns no state, changes nothing and never calls AWS, so asking often costs nothing. There is no
// authentication: an address without a host listens on the loopback interface only.
package status

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
)

// Deadlines of a request, and of the end: answers that are under way when Run is told to stop.
const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	stopTimeout   = time.Second
)

// Source is what the consumer knows about itself. Every method is called from several goroutines at a time and
// answers from memory, at once.
type Source interface {
	// Healthy is nil while every loop turns; otherwise it says which one has stopped, and since when.
	Healthy() error
	// Ready is nil once the lease table was reached, the preflight passed and the shards were listed; otherwise it
	// says what is missing.
	Ready() error
	// Worker is the state right now, its shards in the order in which they are to be shown.
	Worker() Worker
}

// Worker is what the page shows.
type Worker struct {
	ID          string
	Application string
	Stream      string
	Started     time.Time
	Shards      []Shard  // the leases held
	Objects     []Object // the newest commits, newest first
}

// Shard is one lease held.
type Shard struct {
	ID           string
	LeaseCounter int64
	Checkpoint   string        // sequence number, SHARD_END, or empty before the first
	Behind       time.Duration // millis behind latest, as the last GetRecords said
	Records      uint64        // read since the lease was acquired
}

// Object is one committed link.
type Object struct {
	Key       string
	Committed time.Time
	Records   int
	Bytes     int
}

// Server answers on one listener.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      logrus.FieldLogger
}

// Listen opens address (host:port). Without a host it is the loopback interface; to be seen from other machines,
// say so: 0.0.0.0:9090.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("status address %q: want host:port or :port", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen for status requests: %w", err)
	}
	return listener, nil
}

// New returns a server that takes listener over: Run closes it.
func New(listener net.Listener, source Source, metrics prometheus.Gatherer, log logrus.FieldLogger) *Server {
	return &Server{
		listener: listener,
		log:      log,
		http: &http.Server{
			Handler:           handler(source, metrics, log),
			ReadHeaderTimeout: headerTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
		},
	}
}

// Run answers until ctx ends, and then for stopTimeout at most to finish what is under way.
func (s *Server) Run(ctx context.Context) error {
	s.log.WithField("address", s.listener.Addr().String()).Info("status page open")
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if s.http.Shutdown(grace) != nil {
			s.http.Close()
		}
	})
	err := s.http.Serve(s.listener)
	if !cancel() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve status: %w", err)
}

func handler(source Source, metrics prometheus.Gatherer, log logrus.FieldLogger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorLog: log.WithField("path", "/metrics")}))
	mux.HandleFunc("GET /healthz", probe(source.Healthy))
	mux.HandleFunc("GET /readyz", probe(source.Ready))
	mux.HandleFunc("GET /{$}", page(source, log))
	return mux
}

// probe answers 200 if check is nil, otherwise 503 with its reason.
func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
