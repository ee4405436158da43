// Package iam_test keeps the policies in this folder as narrow as docs/operations.md says.
package iam_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type statement struct {
	Sid, Effect string
	Action      list
	Resource    list
	Condition   map[string]map[string]list
}

// list is one string or several, as IAM writes them.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*l = list{""}
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]string)(l))
}

const (
	stream  = "arn:aws:kinesis:eu-north-1:ACCOUNT_ID:stream/AForB_callevents"
	table   = "arn:aws:dynamodb:eu-north-1:ACCOUNT_ID:table/callevents-consumer"
	bucket  = "arn:aws:s3:::aforb-consumer-data"
	records = "mandir-event-records/*"
	errors  = "mandir-event-errors/*"
)

// policies are the actions and resources that each program, or its operator, needs.
var policies = map[string]map[string][]string{
	"producer.json": {
		stream: {"kinesis:CreateStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecords"},
	},
	"consumer.json": {
		stream: {"kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"},
		table: {
			"dynamodb:CreateTable", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem",
			"dynamodb:Scan", "dynamodb:UpdateItem",
		},
		bucket + "/" + records: {"s3:GetObject", "s3:PutObject"},
		bucket + "/" + errors:  {"s3:GetObject", "s3:PutObject"},
		bucket:                 {"s3:ListBucket"},
	},
	"operator.json": { // who runs consumer verify and consumer redrive
		stream:                 {"kinesis:PutRecords", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"},
		table:                  {"dynamodb:Scan"},
		bucket + "/" + records: {"s3:GetObject"},
		bucket + "/" + errors:  {"s3:GetObject"},
		bucket:                 {"s3:ListBucket"},
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
			// A HEAD of an absent object is answered 404 only to who may list; it has no prefix, hence IfExists.
			if prefixes := s.Condition["StringLikeIfExists"]["s3:prefix"]; slices.Contains(s.Action, "s3:ListBucket") && !slices.Equal(prefixes, list{records, errors}) {
				t.Errorf("%s: listing is allowed for prefixes %q", file, prefixes)
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

// sources are the folders and files with the calls that a policy must allow. The longest match decides.
var sources = map[string]string{
	"producer/": "producer.json", "consumer/": "consumer.json",
	"consumer/redrive/": "operator.json", "consumer/audit/": "operator.json",
}

// optional are the calls that only some flags of the producer make. docs/operations.md names them.
var optional = []string{"kinesis:IncreaseStreamRetentionPeriod", "kinesis:ListTagsForStream", "kinesis:PutRecord", "kinesis:StartStreamEncryption"}

func TestPoliciesAllowTheCallsThatAreInTheCode(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, calls := range calls(t) {
		var allowed []string
		for _, s := range read(t, file) {
			allowed = append(allowed, s.Action...)
		}
		for _, call := range calls {
			_, name, _ := strings.Cut(call, ":")
			if slices.Contains(optional, call) && file == "producer.json" {
				if !strings.Contains(string(docs), name) {
					t.Errorf("docs/operations.md does not say which flag needs %s", name)
				}
			} else if !slices.Contains(allowed, call) {
				t.Errorf("%s does not allow %s", file, call)
			}
		}
		for _, action := range allowed {
			if !slices.Contains(calls, action) {
				t.Errorf("%s allows %s, which nothing calls", file, action)
			}
		}
	}
}

var input = regexp.MustCompile(`\b(kinesis|dynamodb|s3)\.(\w+)Input\{`)

// calls finds the inputs of SDK calls in the programs, and returns the actions that they need, by policy.
func calls(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := os.DirFS("../..")
	for _, dir := range []string{"producer", "consumer"} {
		err := fs.WalkDir(root, dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := fs.ReadFile(root, path)
			for _, call := range input.FindAllStringSubmatch(string(code), -1) {
				found[policyOf(path)] = append(found[policyOf(path)], action(call[1], call[2]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func policyOf(path string) (policy string) {
	longest := 0
	for prefix, file := range sources {
		if strings.HasPrefix(path, prefix) && len(prefix) > longest {
			policy, longest = file, len(prefix)
		}
	}
	return policy
}

// action is the permission for a call. Two calls of S3 have another name.
func action(service, call string) string {
	switch call {
	case "HeadObject":
		call = "GetObject"
	case "ListObjectsV2":
		call = "ListBucket"
	}
	return service + ":" + call
}

func read(t *testing.T, file string) []statement {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var policy struct {
		Version   string
		Statement []statement
	}
	decoder := json.NewDecoder(f)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&policy); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if policy.Version != "2012-10-17" {
		t.Errorf("%s: version %q", file, policy.Version)
	}
	return policy.Statement
}
