package warehouse_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/startup"
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
	fromTheBeginning := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		query := r.URL.Query()
		query.Del("start-after")
		r.URL.RawQuery = query.Encode()
		pass.ServeHTTP(w, r)
	}
	for name, c := range map[string]struct {
		rule inject.Rule
		want string
	}{
		"start ignored":          {inject.Rule{Operation: "LIST", Fault: fromTheBeginning}, "ignores StartAfter"},
		"conditions ignored":     {inject.Rule{Operation: "PUT", Fault: unconditional}, "use a store with conditional writes"},
		"conditions refused":     {inject.Rule{Operation: "PUT", Fault: inject.XMLError(501, "NotImplemented")}, "no conditional writes"},
		"put forbidden":          {inject.Rule{Operation: "PUT", Fault: inject.XMLError(403, "AccessDenied")}, "allow s3:PutObject"},
		"errors prefix":          {inject.Rule{Operation: "PUT", Path: "/errors/", Fault: inject.XMLError(403, "AccessDenied")}, "put errors/"},
		"errors not readable":    {inject.Rule{Operation: "HEAD", Path: "/errors/", Fault: inject.XMLError(403, "AccessDenied")}, "allow s3:GetObject"},
		"absent looks forbidden": {inject.Rule{Operation: "HEAD", Fault: inject.XMLError(403, "AccessDenied")}, "s3:ListBucket"},
		"list forbidden":         {inject.Rule{Operation: "LIST", Fault: inject.XMLError(403, "AccessDenied")}, "allow s3:ListBucket"},
		"another region":         {inject.Rule{Operation: "PUT", Fault: inject.XMLError(301, "PermanentRedirect")}, "another region"},
		"no bucket":              {inject.Rule{Fault: inject.XMLError(404, "NoSuchBucket")}, "create the bucket"},
		"all in another region":  {inject.Rule{Fault: inject.XMLError(301, "PermanentRedirect")}, "another region"},
		"region of the signer":   {inject.Rule{Fault: inject.XMLError(400, "AuthorizationHeaderMalformed")}, "another region"},
		"unknown key":            {inject.Rule{Fault: inject.XMLError(403, "InvalidAccessKeyId")}, "credentials are wrong"},
		"expired":                {inject.Rule{Fault: inject.XMLError(400, "ExpiredToken")}, "renew them"},
		"metadata too large":     {inject.Rule{Operation: "PUT", Fault: inject.XMLError(400, "MetadataTooLarge")}, "shorten --worker-id"},
		"key too long":           {inject.Rule{Operation: "PUT", Fault: inject.XMLError(400, "KeyTooLongError")}, "shorten --worker-id"},
		"present looks absent":   {inject.Rule{Operation: "HEAD", Path: "/records/_preflight", Fault: inject.XMLError(404, "NotFound")}, "once it is written"},
		"only folders, by error": {inject.Rule{Operation: "LIST", Fault: unlessFolder(inject.XMLError(400, "InvalidRequest"))}, "general purpose bucket"},
		"only folders, silently": {inject.Rule{Operation: "LIST", Fault: unlessFolder(nothing)}, "general purpose bucket"},
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
}

// nothing is an empty listing.
func nothing(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>`)
}

// unlessFolder strikes listings by a prefix that does not end with a slash, as S3 directory buckets do not take them.
func unlessFolder(fault inject.Fault) inject.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if prefix := r.URL.Query().Get("prefix"); !strings.HasSuffix(prefix, "/") {
			fault(w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}
}

// Each request may fail for a while. Seen to fail when only errors without a status passed.
func TestPreflightTellsWhatPasses(t *testing.T) {
	for name, fault := range map[string]inject.Fault{"dropped": inject.Drop(), "503": inject.XMLError(503, "SlowDown"), "500": inject.XMLError(500, "InternalError")} {
		for _, operation := range []string{"LIST", "HEAD", "PUT"} {
			t.Run(name+" "+operation, func(t *testing.T) {
				t.Parallel()
				srv := fakeS3(t).behind(t, inject.Rule{Operation: operation, Fault: fault})
				s, _ := srv.store(srv.client, nil)
				if err := s.Preflight(within(t, 10*time.Second)); !startup.Passing(err) || errors.Is(err, warehouse.ErrFatal) {
					t.Errorf("got %v, want an error that may pass", err)
				}
			})
		}
	}
}

// Seen to fail when the probes were empty objects with short names: the first commit was answered 400, for ever.
func TestPreflightUsesNamesAsLongAsTheyBecome(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		change func(*warehouse.Config)
		want   string
	}{
		"worker":        {func(c *warehouse.Config) { c.Writer = long(2048) }, "shorten --worker-id"},
		"application":   {func(c *warehouse.Config) { c.Application, c.Writer = long(255), long(1400) }, "shorten --worker-id"},
		"prefix":        {func(c *warehouse.Config) { c.Prefix = long(950) + "/" }, "shorten --prefix"},
		"errors prefix": {func(c *warehouse.Config) { c.ErrorsPrefix = long(950) + "/" }, "shorten --errors-prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := fakeS3(t).store(nil, c.change) // it needs no request
			if err := s.Preflight(t.Context()); !errors.Is(err, warehouse.ErrFatal) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	srv := fakeS3(t)
	s, _ := srv.store(srv.client, nil)
	if err := s.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	link, err := commit(t.Context(), s, batch(t, s, place("100"), day, "101"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"records/_preflight", "errors/_preflight"} {
		if probe, real := srv.metadataBytes(t, key), srv.metadataBytes(t, link.Key()); probe < real {
			t.Errorf("%s has %d bytes of metadata, a link %d", key, probe, real)
		}
	}
}

func (s server) metadataBytes(t *testing.T, key string) (n int) {
	t.Helper()
	out, err := s.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range out.Metadata {
		n += len(k) + len(v)
	}
	return n
}

// Another application's prefix is told at the start, and nothing is left there. One object of somebody else is not
// enough: it concerns its shard alone. Seen to fail without probeForeign, and when it came after the probes.
func TestPreflightFindsAnotherApplication(t *testing.T) {
	eachServer(t, func(t *testing.T, srv server) {
		theirs, _ := srv.store(srv.client, func(c *warehouse.Config) { c.Application = "theirs" })
		for _, previous := range []sequence.Number{"100", "101"} {
			if _, err := commit(within(t, 10*time.Second), theirs, batch(t, theirs, place(previous), day, previous+"9")); err != nil {
				t.Fatal(err)
			}
		}
		ours, _ := srv.store(srv.client, nil)
		err := ours.Preflight(within(t, 10*time.Second))
		if !errors.Is(err, warehouse.ErrFatal) || !strings.Contains(err.Error(), `"theirs"`) || !strings.Contains(err.Error(), "choose another --prefix") {
			t.Errorf("got %v", err)
		}
		out, err := srv.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &srv.bucket})
		if err != nil || len(out.Contents) != 2 {
			t.Errorf("%d objects, %v: the start that failed has left something", len(out.Contents), err)
		}
		if _, err := commit(within(t, 10*time.Second), ours, batch(t, ours, place("102"), day, "103")); err != nil {
			t.Fatal(err)
		}
		if err := ours.Preflight(within(t, 10*time.Second)); err != nil {
			t.Errorf("foreign objects before ours: %v", err)
		}
	})
}
