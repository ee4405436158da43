package servers_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv/servers"
)

func options(t *testing.T) servers.Options {
	root, err := servers.FindRoot()
	if err != nil {
		t.Fatal(err)
	}
	return servers.Options{Root: root, Dir: t.TempDir(), Output: os.Stderr}
}

func answers(url string) bool {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

func TestStartAnswersStopFreesThePortAndRestartKeepsIt(t *testing.T) {
	for _, kind := range []servers.Kind{servers.Kinesalite, servers.KinesisLocal, servers.Dynalite, servers.S3} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			s, err := servers.Start(ctx, kind, options(t))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			if !answers(s.URL()) {
				t.Fatal("no answer after Start")
			}
			before := s.URL()
			for name, end := range map[string]func(){"Stop": s.Stop, "Kill": s.Kill} {
				end()
				if answers(s.URL()) {
					t.Errorf("answers after %s", name)
				}
				if err := s.Restart(ctx); err != nil {
					t.Fatal(err)
				}
				if s.URL() != before || !answers(s.URL()) {
					t.Errorf("after Restart %s does not answer, was %s", s.URL(), before)
				}
			}
		})
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	other := otherAddress(t)
	for _, kind := range []servers.Kind{servers.Kinesalite, servers.KinesisLocal, servers.Dynalite, servers.S3} {
		s, err := servers.Start(context.Background(), kind, options(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		_, port, _ := net.SplitHostPort(s.Addr())
		if conn, err := net.DialTimeout("tcp", net.JoinHostPort(other, port), 2*time.Second); err == nil {
			conn.Close()
			t.Errorf("%s also listens on %s", kind, other)
		}
	}
}

// otherAddress returns an address of this machine that is not 127.0.0.1; on Linux all of 127/8 is, with no set-up.
func otherAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err == nil {
		l.Close()
		return "127.0.0.2"
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine has no address but 127.0.0.1")
	return ""
}

func TestStartSaysWhatToDoWhenNothingIsInstalled(t *testing.T) {
	opts := servers.Options{Root: t.TempDir()}
	for _, kind := range []servers.Kind{servers.Kinesalite, servers.S3} {
		if _, err := servers.Start(context.Background(), kind, opts); err == nil || !strings.Contains(err.Error(), "scripts/install-servers.sh") {
			t.Errorf("%s: error %v does not name the command to run", kind, err)
		}
	}
}
