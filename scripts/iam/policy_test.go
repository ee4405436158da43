package iam_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type statement struct {
	Sid, Effect string
	Principal   principals
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

// principals are the roles of a policy of a resource. "*" is everybody. The policy of a role has none.
type principals struct{ AWS list }

func (p *principals) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &p.AWS)
	}
	type plain principals
	return json.Unmarshal(b, (*plain)(p))
}

// read returns the statements of a policy.
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

// request is what IAM decides about. A condition key that the request does not have is not in keys.
type request struct {
	role, action, resource string
	keys                   map[string]string
}

// allowed is IAM's rule within one account: a Deny wins, and without an Allow nothing is allowed.
func allowed(t *testing.T, policy []statement, r request) bool {
	t.Helper()
	effects := map[string]bool{}
	for _, s := range policy {
		if s.matches(t, r) {
			effects[s.Effect] = true
		}
	}
	return effects["Allow"] && !effects["Deny"]
}

func (s statement) matches(t *testing.T, r request) bool {
	t.Helper()
	return (len(s.Principal.AWS) == 0 || s.Principal.AWS.like(r.role)) && s.Action.like(r.action) && s.Resource.like(r.resource) && s.holds(t, r.keys)
}

// holds reports whether all conditions are met. It knows the operators that the policies use, and the one that they used.
func (s statement) holds(t *testing.T, keys map[string]string) bool {
	t.Helper()
	for operator, conditions := range s.Condition {
		operator, ifExists := strings.CutSuffix(operator, "IfExists")
		for key, values := range conditions {
			value, there := keys[key]
			var ok bool
			switch operator {
			case "Null":
				ok = slices.Contains(values, map[bool]string{true: "false", false: "true"}[there])
			case "StringEquals":
				ok = there && slices.Contains(values, value) || !there && ifExists
			case "StringLike":
				ok = there && values.like(value) || !there && ifExists
			default:
				t.Fatalf("%s: operator %s is not known here", s.Sid, operator)
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

var wildcards = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)

// like reports whether a value matches one of the patterns, in which * is any text, slashes included.
func (l list) like(value string) bool {
	return slices.ContainsFunc(l, func(pattern string) bool {
		return regexp.MustCompile(`^(?s:` + wildcards.Replace(regexp.QuoteMeta(pattern)) + `)$`).MatchString(value)
	})
}
