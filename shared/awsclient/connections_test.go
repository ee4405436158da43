package awsclient_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"example.com/callevents/shared/awsclient"
)

// line is a network between a client and one server: each connection is a pipe, and all of them can go silent.
type line struct {
	arriving chan net.Conn
	ended    chan struct{}
	once     sync.Once
	made     atomic.Int64

	mu    sync.Mutex
	conns []*silenceable
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case conn := <-l.arriving:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects, as the DialContext of a transport.
func (l *line) dial(context.Context, string, string) (net.Conn, error) {
	l.made.Add(1)
	near, far := net.Pipe()
	l.arriving <- far
	conn := &silenceable{Conn: near, silent: make(chan struct{}), closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return conn, nil
}

// silence lets nothing more through on the connections of now: nothing is refused, and nothing arrives.
func (l *line) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		close(c.silent)
	}
	l.conns = nil
}

type silenceable struct {
	net.Conn
	silent, closed chan struct{}
	once           sync.Once
}

func (c *silenceable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	select {
	case <-c.silent: // what came is lost on the way
		<-c.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *silenceable) Write(p []byte) (int, error) {
	select {
	case <-c.silent:
		return len(p), nil
	default:
		return c.Conn.Write(p)
	}
}

func (c *silenceable) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// newLine returns a line to a server, and the programs' own client on it. It must be called within a bubble.
func newLine(t *testing.T, http2 bool, handler http.HandlerFunc) (*line, *http.Client) {
	t.Helper()
	l := &line{arriving: make(chan net.Conn), ended: make(chan struct{})}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener, server.EnableHTTP2 = l, http2
	server.StartTLS()
	environment(t, map[string]string{"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"})
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transport := cfg.HTTPClient.(*awshttp.BuildableClient).GetTransport()
	transport.DialContext = l.dial
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return l, &http.Client{Transport: transport}
}

// get reads a whole answer, and returns its version of HTTP.
func get(ctx context.Context, client *http.Client) (version int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/", nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.ProtoMajor, err
}

func answer(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }

// Seen to fail without pings: 119 calls in ten minutes, all on the dead connection.
func TestADeadConnectionIsFoundWithinHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, client := newLine(t, true, answer)
		call := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			version, err := get(ctx, client)
			if err == nil && version != 2 {
				t.Fatalf("HTTP/%d", version)
			}
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		l.silence()
		calls := 0
		for ; call() != nil && time.Since(since) < 10*time.Minute; calls++ {
		}
		if found := time.Since(since); found > 30*time.Second {
			t.Errorf("found after %v and %d calls", found, calls)
		}
		if n := l.made.Load(); n != 2 {
			t.Errorf("%d connections, want the dead one and a new one", n)
		}
	})
}

// An answer that comes in parts for five minutes, as that of SubscribeToShard, is not cut, however long it is silent: the
// connection answers its pings. Seen to fail with a time-out of the whole request.
func TestALongAnswerIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := newLine(t, true, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "event")
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Second)
			}
		})
		since := time.Now()
		if version, err := get(t.Context(), client); err != nil || version != 2 || time.Since(since) != 5*time.Minute {
			t.Errorf("HTTP/%d, %v after %v", version, err, time.Since(since))
		}
	})
}

// With HTTP/1.1 each call at a time has a connection, and the next turn finds them. Seen to fail with 256 idle ones: 988
// connections after three turns.
func TestConnectionsFitTheNumberOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards = 500
		l, client := newLine(t, false, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second) // all are under way at a time
			answer(w, r)
		})
		for range 3 {
			var turn sync.WaitGroup
			for range shards {
				turn.Go(func() {
					if version, err := get(t.Context(), client); err != nil || version != 1 {
						t.Errorf("HTTP/%d, %v", version, err)
					}
				})
			}
			turn.Wait()
		}
		if n := l.made.Load(); n > shards {
			t.Errorf("%d connections for %d calls at a time", n, shards)
		}
	})
}
