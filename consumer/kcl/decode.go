package kcl

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/tidwall/gjson"
)

// decodePage decodes an answer of GetRecords as the SDK does, if it is written as Kinesis writes it: without white
// space, escapes, nulls, or names that are not known here. Otherwise it reports false and leaves page as it was.
//
// All data of a page is one piece of memory; body is not kept. Keys and sequence numbers are strings of their own: a
// batch holds its last sequence number for long, and must not hold the page by it.
func decodePage(body []byte, page *kinesis.GetRecordsOutput) bool {
	decoded, ok := decode(body, "NextShardIterator")
	if ok {
		*page = decoded
	}
	return ok
}

// decode decodes an object with records. next is the member that says where reading goes on.
func decode(body []byte, next string) (page kinesis.GetRecordsOutput, ok bool) {
	d := pageDecoder{rest: body, next: next, data: make([]byte, 0, base64.StdEncoding.DecodedLen(len(body)))}
	ok = d.object((*pageDecoder).pageMember) && len(d.rest) == 0
	return d.page, ok
}

// pageDecoder takes token after token off the rest. Its methods report whether what they were to take was there.
type pageDecoder struct {
	rest   []byte
	next   string
	page   kinesis.GetRecordsOutput
	fields []fields // what the records point to
	data   []byte   // of all records so far
}

// fields are what a record of the SDK has pointers to.
type fields struct {
	sequenceNumber, partitionKey string
	arrived                      time.Time
}

func (d *pageDecoder) pageMember(name []byte) (ok bool) {
	switch string(name) {
	case "Records":
		n := len(d.rest) / 1024 // a guess; there may be more
		d.page.Records, d.fields = make([]types.Record, 0, n), make([]fields, 0, n)
		return d.list((*pageDecoder).record)
	case d.next:
		d.page.NextShardIterator = new(string)
		return d.text(d.page.NextShardIterator)
	case "ChildShards": // of a shard that has ended: the SDK decodes them
		return d.take("null")
	case "MillisBehindLatest":
		d.page.MillisBehindLatest = new(int64)
		return d.integer(d.page.MillisBehindLatest)
	}
	return false
}

func (d *pageDecoder) record() bool {
	d.page.Records = append(d.page.Records, types.Record{})
	d.fields = append(d.fields, fields{})
	return d.object((*pageDecoder).recordMember)
}

func (d *pageDecoder) recordMember(name []byte) bool {
	r, f := &d.page.Records[len(d.page.Records)-1], &d.fields[len(d.fields)-1]
	switch string(name) {
	case "Data":
		return d.blob(&r.Data)
	case "SequenceNumber":
		r.SequenceNumber = &f.sequenceNumber
		return d.text(r.SequenceNumber)
	case "PartitionKey":
		r.PartitionKey = &f.partitionKey
		return d.text(r.PartitionKey)
	case "ApproximateArrivalTimestamp":
		r.ApproximateArrivalTimestamp = &f.arrived
		return d.time(r.ApproximateArrivalTimestamp)
	case "EncryptionType":
		return d.text((*string)(&r.EncryptionType))
	}
	return false
}

// object takes an object with at least one member.
func (d *pageDecoder) object(member func(d *pageDecoder, name []byte) bool) bool {
	ok := d.take("{")
	for more := true; ok && more; more = ok && d.take(",") {
		var name []byte
		ok = d.quoted(&name) && d.take(":") && member(d, name)
	}
	return ok && d.take("}")
}

func (d *pageDecoder) list(element func(d *pageDecoder) bool) bool {
	if d.take("[]") {
		return true
	}
	ok := d.take("[")
	for more := true; ok && more; more = ok && d.take(",") {
		ok = element(d)
	}
	return ok && d.take("]")
}

func (d *pageDecoder) take(token string) (ok bool) {
	d.rest, ok = bytes.CutPrefix(d.rest, []byte(token))
	return ok
}

// quoted takes what is between two quotes. Whether there are escapes in it is left to the caller to see.
func (d *pageDecoder) quoted(s *[]byte) (ok bool) {
	if d.take(`"`) {
		*s, d.rest, ok = bytes.Cut(d.rest, []byte(`"`))
	}
	return ok
}

func (d *pageDecoder) text(text *string) bool {
	var s []byte
	if !d.quoted(&s) {
		return false
	}
	for _, c := range s {
		if c < ' ' || c == '\\' {
			return false
		}
	}
	*text = string(s)
	return true
}

func (d *pageDecoder) blob(data *[]byte) bool {
	var s []byte
	if !d.quoted(&s) {
		return false
	}
	start, err := len(d.data), error(nil)
	d.data, err = base64.StdEncoding.AppendDecode(d.data, s)
	*data = d.data[start:len(d.data):len(d.data)]
	// Line breaks, which base64 passes over and strings of JSON do not have, would make the data too short.
	return err == nil && base64.StdEncoding.EncodedLen(len(*data)) == len(s)
}

// number takes a number of JSON, or a value that no number is parsed from.
func (d *pageDecoder) number() []byte {
	i := max(0, bytes.IndexAny(d.rest, ",}"))
	s := d.rest[:i]
	if d.rest = d.rest[i:]; !gjson.ValidBytes(s) {
		return nil
	}
	return s
}

func (d *pageDecoder) integer(n *int64) bool {
	var err error
	*n, err = strconv.ParseInt(string(d.number()), 10, 64)
	return err == nil
}

// time takes seconds since the epoch and cuts them to milliseconds, as the SDK does, which overflows in the year 2262.
func (d *pageDecoder) time(t *time.Time) bool {
	seconds, err := strconv.ParseFloat(string(d.number()), 64)
	*t = time.UnixMilli(int64(seconds * 1000)).UTC()
	return err == nil && seconds >= 0 && seconds < 9e9
}
