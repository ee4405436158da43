package warehouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"
	"github.com/tidwall/gjson"

	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
)

// kept is a store that keeps the last body.
type kept struct {
	warehouse.Client
	body []byte
}

func (k *kept) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (out *s3.PutObjectOutput, err error) {
	k.body, err = io.ReadAll(in.Body)
	return &s3.PutObjectOutput{}, err
}

// FuzzParquet encodes whatever the transformation accepts: one that cannot be would stop its shard for ever. The user_id
// must be there, and what has no column must be JSON.
func FuzzParquet(f *testing.F) {
	for _, seed := range []string{typed, `{"user":{"user_id":"-5","state":null},"event":"none","unknown_fields":{"a":1}}`,
		`{"event":{"property":{"call_id":7,"call_duration":"1e3"}},"event":{"property":{}},"user":{"user_id":1}}`,
		`{"us\u0065r":{"user_id":2,"state":{"is_logged_in":"yes","coins":99999999999999999999}},"geo_location":{"lat":1E400}}`} {
		f.Add([]byte(seed))
	}
	srv := server{bucket: "b"}
	client := &kept{}
	s, _ := srv.store(client, func(c *warehouse.Config) { c.Format = warehouse.Parquet })
	b := s.NewBatch()
	f.Fuzz(func(t *testing.T, record []byte) {
		line, reason := transform.Append(nil, record)
		if reason != "" {
			return
		}
		b.Begin(place("100"))
		b.Append("101")
		if err := b.AddLine(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		if err := b.Seal(day); err != nil {
			t.Fatal(err)
		}
		if _, err := commit(within(t, time.Minute), s, b); err != nil {
			t.Fatal(err)
		}
		rows, err := parquet.Read[struct {
			User struct {
				UserID int64 `parquet:"user_id"`
			} `parquet:"user"`
			Geo     string `parquet:"geo_location,optional"`
			Unknown string `parquet:"unknown_fields,optional"`
		}](bytes.NewReader(client.body), int64(len(client.body)))
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		r := rows[0]
		for _, text := range []string{r.Geo, r.Unknown} {
			if text != "" && !json.Valid([]byte(text)) {
				t.Errorf("%q is no JSON", text)
			}
		}
		if want := gjson.GetBytes(line, "user.user_id"); want.Exists() && r.User.UserID != want.Int() {
			t.Errorf("user_id %d of %s", r.User.UserID, line)
		}
	})
}
