// Package faults is an HTTP reverse proxy that stands in front of a real AWS server and injects faults.
//
// The real server answers what a fault lets through: the proxy injects, it does not imitate. A [Rule] says which requests
// a fault strikes. Rules can be added and removed while requests are in flight. The proxy also counts requests by
// operation.
package faults

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"example.com/callevents/shared/testenv/servers"
)

// Proxy forwards to one server. Its methods are safe for concurrent use.
type Proxy struct {
	addr      string
	forward   http.Handler
	transport *http.Transport // to the server

	mu     sync.Mutex
	server *http.Server // nil while down
	rules  []*Active
	counts map[string]int
}

// Listen starts a proxy on a free port of 127.0.0.1, in front of the server at the target URL.
func Listen(target string) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("parse target: %w", err)
	}
	p := &Proxy{
		addr:      servers.FreeAddr(),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		counts:    make(map[string]int),
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is part of what the client has signed
		},
		Transport:    p.transport,
		ErrorLog:     log.New(io.Discard, "", 0), // that an answer was cut is what tests want
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return p, p.Up()
}

// URL returns the endpoint to configure clients with.
func (p *Proxy) URL() string { return "http://" + p.addr }

// Up accepts connections again after [Proxy.Down].
func (p *Proxy) Up() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.server = &http.Server{Handler: p}
	go func(s *http.Server) { _ = s.Serve(l) }(p.server)
	return nil
}

// Down breaks all connections and refuses new ones.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

// Close ends the proxy and cuts off the requests that hang.
func (p *Proxy) Close() {
	p.Clear()
	p.Down()
	p.transport.CloseIdleConnections()
}

// Add puts a rule into force. Of several that match a request, the one that was added first decides.
func (p *Proxy) Add(r Rule) *Active {
	a := &Active{rule: r}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, a)
	return a
}

// Clear removes all rules. Requests that hang in their faults are cut off.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		r.Remove()
	}
	p.rules = nil
}

// Counts returns the requests so far by [Operation], those that a fault struck included.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// ServeHTTP handles one request of a client.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	active := p.decide(r)
	if active == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(active.ctx, cancel)() // with the rule, too
	active.rule.Fault(w, r.WithContext(ctx), p.forward)
}

// decide counts the request and returns the rule for it, or nil.
func (p *Proxy) decide(r *http.Request) *Active {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[Operation(r)]++
	for _, a := range p.rules {
		if a.strikes(r) {
			return a
		}
	}
	return nil
}

// Operation names what a request asks for: the last part of X-Amz-Target ("PutRecords", "UpdateItem"); for S3,
// which has none, the HTTP method, or "LIST".
func Operation(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	if r.Method == http.MethodGet && r.URL.Query().Has("list-type") {
		return "LIST"
	}
	return r.Method
}
