package cloudformation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
)

// policies are the files under scripts/iam that a resource must have, statement by statement.
var policies = map[string]string{"ConsumerRole": "consumer.json", "ProducerRole": "producer.json", "VerifyRole": "verify.json",
	"RedriveRole": "redrive.json", "BucketPolicy": "bucket-policy.json"}

// once is the statement that nobody needs here: the template makes the stream (docs/operations.md, First start and
// later). A lease table that somebody deletes is made again, so the consumer keeps its own.
const once = "CreateTheStream"

// checkPolicies compares what roles and bucket allow with scripts/iam.
func checkPolicies(resources map[string]map[string]any) (wrong []string) {
	for name, file := range policies {
		resource, is := resources[name]
		if !is {
			continue
		}
		wanted, err := statements(file)
		if err != nil {
			return []string{err.Error()}
		}
		delete(wanted, once)
		has := map[string]any{}
		for _, document := range documents(resource["Properties"].(map[string]any)) {
			for _, statement := range document.(map[string]any)["Statement"].([]any) {
				has[fmt.Sprint(statement.(map[string]any)["Sid"])] = sorted(statement)
			}
		}
		all := slices.Sorted(maps.Keys(wanted))
		for sid := range has {
			if !slices.Contains(all, sid) {
				all = append(all, sid)
			}
		}
		for _, sid := range all {
			if !reflect.DeepEqual(has[sid], wanted[sid]) {
				wrong = append(wrong, fmt.Sprintf("%s: statement %s is %v, and in %s %v", name, sid, has[sid], file, wanted[sid]))
			}
		}
	}
	return wrong
}

// documents are the policy documents of a role or a bucket policy.
func documents(properties map[string]any) (all []any) {
	if document, is := properties["PolicyDocument"]; is {
		return []any{document}
	}
	for _, policy := range properties["Policies"].([]any) {
		all = append(all, policy.(map[string]any)["PolicyDocument"])
	}
	return all
}

// statements are those of a file under scripts/iam, by name.
func statements(file string) (map[string]any, error) {
	text, err := os.ReadFile("../../iam/" + file)
	if err != nil {
		return nil, err
	}
	var policy struct{ Statement []map[string]any }
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte("ACCOUNT_ID"), []byte(account)), &policy); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all := map[string]any{}
	for _, s := range policy.Statement {
		all[s["Sid"].(string)] = sorted(s)
	}
	return all, nil
}

// sorted is a value in which the order of a list does not count, and a list of one is the same as that one.
func sorted(value any) any {
	switch value := value.(type) {
	case map[string]any:
		members := map[string]any{}
		for name, member := range value {
			members[name] = sorted(member)
		}
		return members
	case []any:
		if len(value) == 1 {
			return sorted(value[0])
		}
		texts := make([]string, len(value))
		for i, item := range value {
			texts[i] = fmt.Sprint(sorted(item))
		}
		slices.Sort(texts)
		return texts
	}
	return value
}
