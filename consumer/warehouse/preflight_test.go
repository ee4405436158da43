package warehouse_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/testenv"
	inject "example.com/callevents/shared/testenv/faults"
)

// behind returns the server behind a proxy with a fault.
func (s server) behind(t *testing.T, rule inject.Rule) server {
	t.Helper()
	proxy, err := inject.Listen(s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	proxy.Add(rule)
	return server{testenv.NewS3Client(proxy.URL()), proxy.URL(), s.bucket}
}

func TestPreflightPassesAgainAndAgain(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		s, _ := srv.store(srv.client, nil)
		for range 3 {
			if err := s.Preflight(within(t, 10*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := s.Tip(within(t, 10*time.Second), shard); ok || err != nil {
			t.Fatalf("the probe was taken for a link: %v", err)
		}
	})
}

// S3 may answer a create with 409 while another instance creates the same probe.
func TestPreflightOfInstancesThatStartAtTheSameTime(t *testing.T) {
	srv := fakeS3(t).behind(t, inject.Rule{Operation: "PUT", Times: 2, Fault: inject.XMLError(409, "ConditionalRequestConflict")})
	s, _ := srv.store(srv.client, nil)
	if err := s.Preflight(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
}

func TestPreflightSaysWhatToDo(t *testing.T) {
	unconditional := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		r.Header.Del("If-None-Match")
		pass.ServeHTTP(w, r)
	}
	for name, c := range map[string]struct {
		rule inject.Rule
		want string
	}{
		"conditions ignored":     {inject.Rule{Operation: "PUT", Fault: unconditional}, "use a store with conditional writes"},
		"conditions refused":     {inject.Rule{Operation: "PUT", Fault: inject.XMLError(501, "NotImplemented")}, "no conditional writes"},
		"put forbidden":          {inject.Rule{Operation: "PUT", Fault: inject.XMLError(403, "AccessDenied")}, "allow s3:PutObject"},
		"errors prefix":          {inject.Rule{Operation: "PUT", Path: "/errors/", Fault: inject.XMLError(403, "AccessDenied")}, "put errors/"},
		"absent looks forbidden": {inject.Rule{Operation: "HEAD", Fault: inject.XMLError(403, "AccessDenied")}, "s3:ListBucket"},
		"list forbidden":         {inject.Rule{Operation: "LIST", Fault: inject.XMLError(403, "AccessDenied")}, "allow s3:ListBucket"},
		"another region":         {inject.Rule{Operation: "PUT", Fault: inject.XMLError(301, "PermanentRedirect")}, "another region"},
		"no bucket":              {inject.Rule{Fault: inject.XMLError(404, "NoSuchBucket")}, "create the bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := fakeS3(t).behind(t, c.rule)
			s, _ := srv.store(srv.client, nil)
			err := s.Preflight(within(t, 10*time.Second))
			if !errors.Is(err, warehouse.ErrFatal) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("out of reach", func(t *testing.T) {
		srv := fakeS3(t).behind(t, inject.Rule{Fault: inject.Drop()})
		s, _ := srv.store(srv.client, nil)
		if err := s.Preflight(within(t, 10*time.Second)); err == nil || errors.Is(err, warehouse.ErrFatal) {
			t.Errorf("got %v, want an error that may pass", err)
		}
	})
}
