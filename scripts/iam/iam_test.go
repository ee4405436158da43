// Package iam_test keeps the policies in this folder as narrow as docs/operations.md says.
package iam_test

import (
	"slices"
	"testing"
)

const (
	account = "ACCOUNT_ID"
	stream  = "arn:aws:kinesis:eu-north-1:ACCOUNT_ID:stream/AForB_callevents"
	table   = "arn:aws:dynamodb:eu-north-1:ACCOUNT_ID:table/callevents-consumer"
	fanOut  = stream + "/consumer/callevents-consumer*"
	bucket  = "arn:aws:s3:::aforb-consumer-data"
	records = "mandir-event-records/"
	errors  = "mandir-event-errors/"
	record  = records + "dt=2026-11-24/shardId-000000000000-after-1.ndjson.gz"
	letters = errors + "callevents-consumer/dt=2026-11-24/shardId-000000000000-after-1.ndjson"
)

// policies are the actions and resources that each program needs.
var policies = map[string]map[string][]string{
	"producer.json": {
		stream: {"kinesis:CreateStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecords"},
	},
	"consumer.json": {
		stream: {"kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards",
			"kinesis:RegisterStreamConsumer"},
		fanOut: {"kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"},
		table: {
			"dynamodb:CreateTable", "dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem",
			"dynamodb:Scan", "dynamodb:UpdateItem",
		},
		bucket + "/" + records + "*": {"s3:GetObject", "s3:PutObject"},
		bucket + "/" + errors + "*":  {"s3:GetObject", "s3:PutObject"},
		bucket:                       {"s3:ListBucket"},
	},
	"verify.json": { // reads only
		stream:                       {"kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"},
		table:                        {"dynamodb:Scan"},
		bucket + "/" + records + "*": {"s3:GetObject"},
		bucket + "/" + errors + "*":  {"s3:GetObject"},
		bucket:                       {"s3:ListBucket"},
	},
	"redrive.json": {
		stream:                      {"kinesis:PutRecords"},
		bucket + "/" + errors + "*": {"s3:GetObject"},
		bucket:                      {"s3:ListBucket"},
	},
}

func TestPoliciesAllowWhatIsNeededAndNothingElse(t *testing.T) {
	for file, want := range policies {
		got := map[string][]string{}
		for _, s := range read(t, file) {
			if s.Effect != "Allow" || s.Sid == "" {
				t.Errorf("%s: statement %q has effect %q", file, s.Sid, s.Effect)
			}
			for _, resource := range s.Resource {
				got[resource] = append(got[resource], s.Action...)
			}
		}
		for resource := range want {
			if !slices.Equal(got[resource], want[resource]) {
				t.Errorf("%s: %s: got %q, want %q", file, resource, got[resource], want[resource])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d resources, want %d", file, len(got), len(want))
		}
	}
}

// What only a first start needs is a statement of its own, which can be dropped. Before, it was among what the run needs.
func TestWhatOnlyAFirstStartNeedsCanBeDropped(t *testing.T) {
	for _, first := range []struct{ file, sid, action string }{
		{"producer.json", "CreateTheStream", "kinesis:CreateStream"},
		{"consumer.json", "CreateTheLeaseTable", "dynamodb:CreateTable"},
		{"consumer.json", "RegisterForFanOut", "kinesis:RegisterStreamConsumer"},
	} {
		for _, s := range read(t, first.file) {
			if has := slices.Contains(s.Action, first.action); has != (s.Sid == first.sid) || has && len(s.Action) > 1 {
				t.Errorf("%s: %s has %q", first.file, s.Sid, s.Action)
			}
		}
	}
}

// A consumer that is registered has its time in its ARN.
func TestOnlyTheOwnConsumerMayBeSubscribedTo(t *testing.T) {
	for consumer, want := range map[string]bool{"callevents-consumer:1795702498": true, "another:1795702498": false} {
		if got := allowed(t, read(t, "consumer.json"), request{action: "kinesis:SubscribeToShard", resource: stream + "/consumer/" + consumer}); got != want {
			t.Errorf("%s: allowed %v, want %v", consumer, got, want)
		}
	}
}

// listing asks for the objects under a prefix, in a bucket of ours. A listing without a prefix has no s3:prefix.
func listing(prefix string) request {
	r := request{action: "s3:ListBucket", resource: bucket, keys: map[string]string{"aws:ResourceAccount": account}}
	if prefix != "" {
		r.keys["s3:prefix"] = prefix
	}
	return r
}

// absent is the question that S3 puts before it answers 404 for an object that is not there. docs/operations.md says what is
// known about it: the key stands for the prefix.
func absent(key string) request { return listing(key) }

// object asks for an object of ours.
func object(action, key string, keys ...string) request {
	r := request{action: action, resource: bucket + "/" + key, keys: map[string]string{"aws:ResourceAccount": account}}
	for i := 0; i < len(keys); i += 2 {
		r.keys[keys[i]] = keys[i+1]
	}
	return r
}

// ofAnother is the same request to a bucket of another account.
func ofAnother(r request) request {
	r.keys["aws:ResourceAccount"] = "ANOTHER_ID"
	return r
}

// Before, every policy allowed a listing of the whole bucket, and of buckets of other accounts; verify could put records.
func TestListingsAreLimitedToThePrefixesAndTheOwnAccount(t *testing.T) {
	for name, is := range map[string]struct {
		request
		want string // the policies that allow it
	}{
		"list the whole bucket":           {listing(""), ""},
		"list with an empty prefix":       {request{action: "s3:ListBucket", resource: bucket, keys: map[string]string{"aws:ResourceAccount": account, "s3:prefix": ""}}, ""},
		"list another prefix":             {listing("another/"), ""},
		"list half a prefix":              {listing("mandir-event-"), ""},
		"list days of records":            {listing(records + "dt="), "consumer verify"},
		"list all records":                {listing(records), "consumer verify"},
		"list dead letters":               {listing(errors + "dt="), "consumer redrive verify"},
		"list records of another account": {ofAnother(listing(records + "dt=")), ""},
		"an absent record is 404":         {absent(record), "consumer verify"},
		"absent dead letters are 404":     {absent(letters), "consumer redrive verify"},
		"another absent object is 403":    {absent("another/key"), ""},
		"read a record":                   {object("s3:GetObject", record), "consumer verify"},
		"read dead letters":               {object("s3:GetObject", letters), "consumer redrive verify"},
		"read another object":             {object("s3:GetObject", "another/key"), ""},
		"read of another account":         {ofAnother(object("s3:GetObject", record)), ""},
		"write a record":                  {object("s3:PutObject", record), "consumer"},
		"write to another account":        {ofAnother(object("s3:PutObject", record)), ""},
		"put records":                     {request{action: "kinesis:PutRecords", resource: stream}, "producer redrive"},
		"delete a record":                 {object("s3:DeleteObject", record), ""},
	} {
		var got string
		for _, program := range []string{"consumer", "producer", "redrive", "verify"} {
			if allowed(t, read(t, program+".json"), is.request) {
				got += " " + program
			}
		}
		if want := is.want; got != "" && got[1:] != want || got == "" && want != "" {
			t.Errorf("%s: allowed to%s, want %s", name, got, want)
		}
	}
}

// Before, there was no such policy: whoever may put objects could overwrite records.
func TestBucketPolicyKeepsRecords(t *testing.T) {
	ofBucket := read(t, "bucket-policy.json")
	consumer := append(read(t, "consumer.json"), ofBucket...)
	administrator := append([]statement{{Effect: "Allow", Action: list{"*"}, Resource: list{"*"}}}, ofBucket...)
	for name, is := range map[string]struct {
		policy []statement
		request
		want bool
	}{
		"create a record":             {consumer, object("s3:PutObject", record, "s3:if-none-match", "*"), true},
		"overwrite a record":          {consumer, object("s3:PutObject", record), false},
		"create the probe":            {consumer, object("s3:PutObject", records+"_preflight", "s3:if-none-match", "*"), true},
		"create dead letters":         {consumer, object("s3:PutObject", letters, "s3:if-none-match", "*"), true},
		"overwrite dead letters":      {consumer, object("s3:PutObject", letters), true},
		"overwrite its probe":         {consumer, object("s3:PutObject", errors+"_preflight"), true},
		"administrator overwrites":    {administrator, object("s3:PutObject", record), false},
		"administrator elsewhere":     {administrator, object("s3:PutObject", "another/key"), true},
		"administrator deletes":       {administrator, object("s3:DeleteObject", record), false},
		"and a version":               {administrator, object("s3:DeleteObjectVersion", record), false},
		"and dead letters":            {administrator, object("s3:DeleteObject", letters), false},
		"and elsewhere":               {administrator, object("s3:DeleteObject", "another/key"), true},
		"administrator changes rules": {administrator, request{action: "s3:PutLifecycleConfiguration", resource: bucket}, true},
	} {
		if got := allowed(t, is.policy, is.request); got != is.want {
			t.Errorf("%s: allowed %v, want %v", name, got, is.want)
		}
	}
}

// use is the use of a key by a service for a role, as the service tells KMS of it.
func use(role, action, service, context, resource string) request {
	return request{role: "arn:aws:iam::ACCOUNT_ID:role/callevents-" + role, action: "kms:" + action, resource: "*",
		keys: map[string]string{"kms:ViaService": service + ".eu-north-1.amazonaws.com", "kms:EncryptionContext:aws:" + context + ":arn": resource}}
}

// Before, there was no policy for keys.
func TestKeyPoliciesAllowEachRoleItsUse(t *testing.T) {
	roles := []string{"consumer", "producer", "redrive", "verify"}
	for name, is := range map[string]struct {
		file, action, service, context, resource string
		want                                     []string
	}{
		"put records":             {"stream-key.json", "GenerateDataKey", "kinesis", "kinesis", stream, []string{"producer", "redrive"}},
		"read records":            {"stream-key.json", "Decrypt", "kinesis", "kinesis", stream, []string{"consumer", "verify"}},
		"read another stream":     {"stream-key.json", "Decrypt", "kinesis", "kinesis", stream + "2", nil},
		"decrypt by hand":         {"stream-key.json", "Decrypt", "ec2", "kinesis", stream, nil},
		"write a record":          {"bucket-key.json", "GenerateDataKey", "s3", "s3", bucket + "/" + record, []string{"consumer"}},
		"read a record":           {"bucket-key.json", "Decrypt", "s3", "s3", bucket + "/" + record, []string{"consumer", "verify"}},
		"read dead letters":       {"bucket-key.json", "Decrypt", "s3", "s3", bucket + "/" + letters, []string{"consumer", "redrive", "verify"}},
		"write with a bucket key": {"bucket-key.json", "GenerateDataKey", "s3", "s3", bucket, []string{"consumer"}},
		"read with a bucket key":  {"bucket-key.json", "Decrypt", "s3", "s3", bucket, []string{"consumer", "redrive", "verify"}},
		"read another object":     {"bucket-key.json", "Decrypt", "s3", "s3", bucket + "/another/key", nil},
		"encrypt":                 {"bucket-key.json", "Encrypt", "s3", "s3", bucket, nil},
	} {
		var got []string
		for _, role := range roles {
			if allowed(t, read(t, is.file), use(role, is.action, is.service, is.context, is.resource)) {
				got = append(got, role)
			}
		}
		if !slices.Equal(got, is.want) {
			t.Errorf("%s: allowed to %q, want %q", name, got, is.want)
		}
	}
	for _, file := range []string{"stream-key.json", "bucket-key.json"} {
		for action, want := range map[string]bool{"kms:PutKeyPolicy": true, "kms:ScheduleKeyDeletion": true, "kms:Decrypt": false, "kms:GenerateDataKey": false} {
			root := request{role: "arn:aws:iam::ACCOUNT_ID:root", action: action, resource: "*"}
			if got := allowed(t, read(t, file), root); got != want {
				t.Errorf("%s: the account's administrators: %s is allowed: %v, want %v", file, action, got, want)
			}
		}
	}
}
