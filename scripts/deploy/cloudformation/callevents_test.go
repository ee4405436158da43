package cloudformation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/awslabs/goformation/v7/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// own is a stack in a network of the user.
var own = map[string]any{"Vpc": "vpc-1", "SubnetA": "subnet-1", "SubnetB": "subnet-2", "PublicIp": "DISABLED"}

// variants are the parameters of the stacks that are tried. Each condition holds in one, and does not in another.
var variants = map[string]map[string]any{
	"as it is":                   {},
	"on demand, and told":        {"Shards": 0, "AlarmTopic": "arn:aws:sns:eu-north-1:" + account + ":night"},
	"in another network":         own,
	"without a producer, longer": {"Producers": 0, "RetentionHours": 168},
}

// names are those of the policies under scripts/iam.
var names = map[string]string{"Stream": "AForB_callevents", "LeaseTable": "callevents-consumer", "Bucket": "aforb-consumer-data"}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("callevents.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheTemplateIsRight(t *testing.T) {
	for _, wrong := range problems(read(t)) {
		t.Error(wrong)
	}
}

// problems says what is wrong with a template in any variant.
func problems(text string) (wrong []string) {
	parsed, err := parse(text)
	if err != nil {
		return []string{err.Error()}
	}
	used := map[string]bool{}
	for variant, parameters := range variants {
		parameters["Image"] = "callevents:1"
		resources, s := deploy(parsed, parameters, names)
		found := s.wrong
		for name, r := range resources {
			if err := check(r); err != nil {
				found = append(found, fmt.Sprintf("%s: %v", name, err))
			}
		}
		found = append(found, checkPolicies(resources)...)
		found = append(found, checkTasks(resources)...)
		for _, w := range found {
			wrong = append(wrong, variant+": "+w)
		}
		for name := range s.used {
			used[name] = true
		}
	}
	for name := range parsed.Parameters {
		if !used[name] {
			wrong = append(wrong, "parameter "+name+" is not used")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// definitions are the resource types of CloudFormation, as goformation has them from AWS.
var definitions = sync.OnceValue(func() map[string]any {
	var all struct{ Definitions map[string]any }
	if err := json.Unmarshal([]byte(schema.CloudformationSchema), &all); err != nil {
		panic(err)
	}
	return all.Definitions
})

// definitionsOf are those that the definition of a type refers to. All of them would take the compiler seconds.
func definitionsOf(kind string) map[string]any {
	some := map[string]any{}
	for name, definition := range definitions() {
		if name == kind || name == "Tag" || strings.HasPrefix(name, kind+".") {
			some[name] = definition
		}
	}
	return some
}

// schemas are compiled by type.
var schemas = map[string]*jsonschema.Schema{}

// check compares a resource, evaluated, with the schema of its type: each property is known, of its type, and none is
// missing.
func check(resource map[string]any) error {
	kind, _ := resource["Type"].(string)
	if definitions()[kind] == nil {
		return fmt.Errorf("AWS has no resource type %q", kind)
	}
	compiled := schemas[kind]
	if compiled == nil {
		compiler := jsonschema.NewCompiler()
		err := compiler.AddResource("template", map[string]any{"definitions": definitionsOf(kind), "$ref": "#/definitions/" + kind})
		if err != nil {
			return err
		}
		if compiled, err = compiler.Compile("template"); err != nil {
			return err
		}
		schemas[kind] = compiled
	}
	text, err := json.Marshal(resource)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// A mistake in the template is found. Each was tried against the checks one by one, and each check finds one.
func TestMistakesInTheTemplateAreFound(t *testing.T) {
	right := read(t)
	for name, is := range map[string]struct{ old, new, want string }{
		"a property that is misspelt":  {"RetentionPeriodHours:", "RetentionPeriodHrs:", "Stream"},
		"one that is missing":          {"      GroupDescription: callevents, nothing comes in\n", "", "Firewall"},
		"one of another type":          {"StopTimeout: 60", "StopTimeout: sixty", "ConsumerTask"},
		"a list where a text belongs":  {"Statistic: SampleCount", "Statistic: [SampleCount]", "NoConsumer"},
		"an unknown type":              {"AWS::ECS::Cluster", "AWS::ECS::Clutser", "no resource type"},
		"an unknown section":           {"Outputs:", "Output:", "no section"},
		"a reference to nothing":       {"Value: !Ref LeaseTable", "Value: !Ref LeaseTabel", "LeaseTabel, which is not there"},
		"one in a text":                {"${Bucket.Arn}/mandir", "${Buckets.Arn}/mandir", "Buckets.Arn, which is not there"},
		"an attribute that is not one": {"Resource: !GetAtt Stream.Arn", "Resource: !GetAtt Stream.ARN", "Stream.ARN, which is not there"},
		"a condition that is not one":  {"!If [OnDemand,", "!If [Ondemand,", "no condition Ondemand"},
		"a dependency on nothing":      {"DependsOn: BucketPolicy", "DependsOn: BucketPolice", "BucketPolice, which is not there"},
		"without a producer":           {"  NoProducer:\n    Type: AWS::CloudWatch::Alarm\n    Condition: WithProducer\n", "  NoProducer:\n    Type: AWS::CloudWatch::Alarm\n", "without a producer"},
		"in another network":           {"SubnetId: !If [NewNetwork, !Ref NetworkA, !Ref SubnetA]", "SubnetId: !Ref NetworkA", "in another network"},
		"a parameter without a use":    {"Value: !Ref Rate", `Value: "1"`, "parameter Rate is not used"},
		"a retention without its half": {`"168": {`, `"169": {`, "HalfOfRetention has no 168"},
		"a name twice":                 {"RetentionInDays: 30", "RetentionInDays: 30\n      RetentionInDays: 30", "twice"},
		"an action that is missing":    {"[kinesis:DescribeStreamSummary, kinesis:GetRecords, ", "[kinesis:DescribeStreamSummary, ", "consumer.json"},
		"an action too many":           {"kinesis:ListShards, kinesis:PutRecords]", "kinesis:ListShards, kinesis:PutRecords, kinesis:DeleteStream]", "producer.json"},
		"a resource too wide":          {"Resource: !GetAtt LeaseTable.Arn", `Resource: "*"`, "consumer.json"},
		"a bucket that is overwritten": {`{"Null": {s3:if-none-match: "true"}}`, `{"Null": {s3:if-none-match: "false"}}`, "bucket-policy.json"},
		"a stop before the lease ends": {"StopTimeout: 60 # seconds; longer", "StopTimeout: 30 # seconds; longer", "needs 40s"},
		"a stop that Fargate refuses":  {"StopTimeout: 60 # seconds; longer", "StopTimeout: 180 # seconds; longer", "allows 2m0s"},
		"a variable that is misspelt":  {"CALLEVENTS_BUCKET_OWNER", "CALLEVENTS_BUCKETOWNER", "CALLEVENTS_BUCKETOWNER"},
		"a value that is refused":      {"CALLEVENTS_LOG_FORMAT, Value: json", "CALLEVENTS_LOG_FORMAT, Value: xml", "text or json"},
		"a check with a shell":         {"[CMD, /usr/local/bin/consumer, health]", "[CMD-SHELL, consumer health]", "no shell"},
		"a health that nobody tells":   {`CALLEVENTS_HTTP, Value: "127.0.0.1:8080"} # for`, `CALLEVENTS_WORKER_ID, Value: "a"} # for`, "health"},
		"a log text that is none":      {`$.msg = "link committed"`, `$.msg = "link comitted"`, "no program logs"},
		"half of another retention":    {`"24": {Milliseconds: 43200000}`, `"24": {Milliseconds: 86400000}`, "half of 24 hours"},
		"a volume that nobody mounts":  {"ContainerPath: /var/lib/callevents}", "ContainerPath: /var/lib/events}", "spill"},
	} {
		text := strings.Replace(right, is.old, is.new, 1)
		if text == right {
			t.Errorf("%s: %q is not in the template", name, is.old)
		}
		found := strings.Join(problems(text), "\n")
		if (found == "") != (is.want == "") || !strings.Contains(found, is.want) {
			t.Errorf("%s: found %q, want %q", name, found, is.want)
		}
	}
}

// AWS's own linter knows more rules, and follows the newest types. It is a Python program that not every machine has.
// W1030 is about the subnets that have no default.
func TestTheLinterOfAWSFindsNothing(t *testing.T) {
	linter, err := exec.LookPath("cfn-lint")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("cfn-lint is not installed")
	}
	if out, err := exec.Command(linter, "--ignore-checks", "W1030", "--", "callevents.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
