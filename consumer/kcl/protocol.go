package kcl

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// protocol is the SDK's, but for the one answer that is large: its generic JSON decoder takes two fifths of a consumer's
// CPU for pages of records, and [decodePage] a third of that. Whatever this one does not understand is the SDK's to
// decode, from the same bytes, and so is every error.
type protocol struct {
	smithyhttp.ClientProtocol
	bodies sync.Pool // of *bytes.Buffer
}

// withProtocol is an option of the client that reads the pages.
func withProtocol(o *kinesis.Options) { o.Protocol = &protocol{ClientProtocol: o.Protocol} }

// maxPooledBytes is the largest body whose memory is kept for the next one: that of a page of pageBytes, in base64 and
// with all that stands around it, but not that of 10 MiB.
const maxPooledBytes = 2 * pageBytes

// maxBodyBytes is more than any page takes: 10 MiB in base64, and 10,000 records with all that stands around them.
const maxBodyBytes = 20 << 20

// DeserializeResponse implements the SDK's interface.
func (p *protocol) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry,
	resp *smithyhttp.Response, out smithy.Deserializable) error {
	page, ok := out.(*kinesis.GetRecordsOutput)
	if !ok || resp.StatusCode != http.StatusOK {
		return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
	}
	body, ok := p.bodies.Get().(*bytes.Buffer)
	if !ok {
		body = &bytes.Buffer{}
	}
	defer func() {
		if body.Cap() <= maxPooledBytes {
			body.Reset()
			p.bodies.Put(body)
		}
	}()
	body.Grow(int(min(max(0, resp.ContentLength), maxBodyBytes)) + bytes.MinRead) // -1 if unknown
	if _, err := body.ReadFrom(resp.Body); err == nil && decodePage(body.Bytes(), page) {
		return nil
	}
	resp.Body = struct { // what was read, and then the rest, or the error once more
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body.Bytes()), resp.Body), resp.Body}
	return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
}
