package fanout

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"example.com/callevents/shared/testenv/servers"
)

// Server is an adapter that listens.
type Server struct {
	*Adapter // nil in front of a server that knows fan-out
	http     *http.Server
	addr     string
}

// Listen starts an adapter on a free port of 127.0.0.1, in front of the server at the target URL.
func Listen(target string, opts Options) (*Server, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("parse target: %w", err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is part of what the client has signed
		},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	s := &Server{addr: servers.FreeAddr()}
	s.http = &http.Server{Handler: forward}
	if opts.Native {
		forward.ModifyResponse = addInitialResponse
	} else {
		s.Adapter = NewAdapter(kinesis.NewFromConfig(aws.Config{Region: servers.Region, BaseEndpoint: &target,
			Credentials: credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, "")}), forward, opts)
		s.http.Handler = s.Adapter
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// URL returns the endpoint to configure clients with.
func (s *Server) URL() string { return "http://" + s.addr }

// Close breaks all connections.
func (s *Server) Close() { _ = s.http.Close() }

// addInitialResponse puts the first frame before the events of a server that leaves it out.
func addInitialResponse(r *http.Response) error {
	if r.Header.Get("Content-Type") == eventStreamType {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(initialResponse()), r.Body), r.Body}
	}
	return nil
}
