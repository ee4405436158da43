package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"text/template"

	"example.com/callevents/shared/testenv/servers"
)

// redpanda is a configuration of Redpanda Connect that does what ours does: the same transformation, format and sizes.
var redpanda = template.Must(template.New("").Parse(`
http: {enabled: false}
logger: {level: WARN}
metrics: {none: {}}
input:
  aws_kinesis:
    streams: ["{{.Stream}}"]
    start_from_oldest: true
    lease_period: 10s
    region: {{.Region}}
    endpoint: {{.Kinesis}}
    dynamodb: {table: "{{.App}}", create: true, region: {{.Region}}, endpoint: {{.DynamoDB}}}
    checkpoint_limit: 1000000
    batching: {byte_size: 8388608, period: 5s}
pipeline:
  threads: 1
  processors:
    - mapping: |
        root = this
        root.user.user_id = this.user.user_id.number().int64()
        meta records = batch_size()
    - archive: {format: lines}
    - compress: {algorithm: gzip}
output:
  aws_s3:
    bucket: {{.Bucket}}
    path: '{{.App}}/records/${!uuid_v4()}.ndjson.gz'
    region: {{.Region}}
    endpoint: {{.S3}}
    force_path_style_urls: true
    max_in_flight: 4
`))

// redpandaConnect starts Redpanda Connect. Its binary is not among our modules.
func (r *rig) redpandaConnect(kinesis, binary, stream, app string) (*program, error) {
	endpoints := r.endpoints
	endpoints.Kinesis = kinesis
	file, err := os.Create(filepath.Join(r.dir, app+".yaml"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := redpanda.Execute(file, struct {
		servers.Endpoints
		Stream, App, Bucket, Region string
	}{endpoints, stream, app, bucket, servers.Region}); err != nil {
		return nil, fmt.Errorf("write configuration of Redpanda Connect: %w", err)
	}
	return r.start(endpoints, binary, "run", file.Name())
}

// arn is how Redpanda Connect names a stream; kinesalite knows streams by name only.
var arn = regexp.MustCompile(`"StreamARN":"[^"]*/([^"/]*)"`)

// byName passes requests on to a Kinesis server that knows streams by name only.
func byName(target string) (*httptest.Server, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		body, _ := io.ReadAll(r.In.Body) // the server rejects a body that breaks off
		body = arn.ReplaceAll(body, []byte(`"StreamName":"$1"`))
		r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}}), nil
}
