// Package event is the wire format of a call event: one JSON object on one line, whose scalars are all strings
// or null.
//
// [Template] is the format, field for field and in order. Producers write it; readers find what they need by
// path and keep every other byte as it came, so a field added tomorrow passes through. The package neither
// generates events nor changes them.
package event

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"example.com/callevents/shared/identity"
)

// Template is a call event with its variable values in angle brackets:
//
//	<uuid>   a random UUID (version 4)
//	<millis> the present, in milliseconds since the epoch, 13 digits
//	<a..b>   a decimal integer from a to b, both included
//	<d.d.d>  three digits with dots between
//	<n*set>  n characters of the set: a-z0-9 or A-Z0-9
//	<x|y>    one of the alternatives
//
// Everything else stands for itself.
const Template = `{"event":{"property":{"call_id":"<uuid>","call_duration":"<10..300>","call_status":"<completed|ongoing>"},` +
	`"super_property":{"source":"mandir","type":"purchase","producer":"user","name":"astrology_session_purchase","timestamp":"<millis>"}},` +
	`"user":{"user_id":"<100..999>","state":{"coins":"<50..200>","is_logged_in":"<true|false>","language":"<en|es|fr>",` +
	`"language_mode":"<en|es|fr>","country_code":"<US|UK|CA>","tz":"<America/New_York|Europe/London|Asia/Tokyo>"},"device_segment":"<1..100>"},` +
	`"platform":{"version":{"integer":"<100..999>","string":"<d.d.d>"},"code":"com.mandir","type":"iOS"},"geo_location":null,` +
	`"device":{"a_id":"<36*a-z0-9>","state":{"is_background":"<true|false>","is_online":"<true|false>","is_playing_music":"<true|false>"},` +
	`"hardware":{"model_name":"iPhone 12","brand_name":"Apple","type":"Mobile"},"software":{"mobile":{"version":"14","name":"iOS"},"web":null},` +
	`"ip":{"ipv4":"192.168.<0..255>.<0..255>","ipv6":"2401:db00:2110:3004:0:0:0:<0..65535>"},"system_language":"Spanish","system_id":"<16*a-z0-9>"},` +
	`"session":{"number":"<1..10>","id":"<32*a-z0-9>"},"referral":{"user_id":"<100..999>","user_code":"<7*A-Z0-9>"}}`

// Paths of the fields that a program reads, in gjson's notation.
const (
	CallIDPath = "event.property.call_id"
	UserIDPath = "user.user_id"
)

// MaxCallIDChars is the longest call_id: it is the partition key, which Kinesis limits to 256 Unicode characters
// (API reference, PutRecordsRequestEntry).
const MaxCallIDChars = 256

// Event is one event as it goes over the wire.
type Event struct {
	CallID string
	JSON   []byte
	ID     identity.ID // no part of the JSON; none: it was never put, or before there were identities
}

// Parse reads an event that somebody else made. It asks for no more than delivery needs: valid JSON, an object,
// with a call_id that can be a partition key. The JSON is kept, not copied.
func Parse(line []byte) (Event, error) {
	if !gjson.ValidBytes(line) {
		return Event{}, errors.New("not valid JSON")
	}
	id := gjson.GetBytes(line, CallIDPath)
	switch chars := utf8.RuneCountInString(id.Str); {
	case id.Type != gjson.String || chars == 0:
		return Event{}, fmt.Errorf("%s is missing or not a string with something in it", CallIDPath)
	case chars > MaxCallIDChars:
		return Event{}, fmt.Errorf("%s has %d characters; a partition key can have %d", CallIDPath, chars, MaxCallIDChars)
	case !utf8.ValidString(id.Str):
		return Event{}, fmt.Errorf("%s is not valid UTF-8", CallIDPath)
	}
	return Event{CallID: id.Str, JSON: line}, nil
}

// Text is what a JSON string spells, or any other value as it was written: gjson's own String turns 9e3 into 9000.
func Text(value gjson.Result) string {
	if value.Type == gjson.String {
		return value.Str
	}
	return value.Raw
}
