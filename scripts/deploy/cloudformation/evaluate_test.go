package cloudformation_test

import (
	"fmt"
	"reflect"
	"regexp"
)

// noValue is what AWS::NoValue stands for: the property is not there.
type noValue struct{}

// account is the account of the stack. The policies under scripts/iam have ACCOUNT_ID.
const account = "123456789012"

// pseudo are the parameters that every stack has.
var pseudo = map[string]any{"AWS::StackName": "callevents", "AWS::AccountId": account, "AWS::Region": "eu-north-1",
	"AWS::Partition": "aws", "AWS::NoValue": noValue{}}

// attributes are those that the template asks for, with the form of their values. %s is the name of the resource. They
// are from the reference of each resource type, "Return values".
var attributes = map[string]string{
	"AWS::Kinesis::Stream.Arn": "arn:aws:kinesis:eu-north-1:" + account + ":stream/%s",
	"AWS::DynamoDB::Table.Arn": "arn:aws:dynamodb:eu-north-1:" + account + ":table/%s",
	"AWS::S3::Bucket.Arn":      "arn:aws:s3:::%s",
	"AWS::IAM::Role.Arn":       "arn:aws:iam::" + account + ":role/%s",
	"AWS::ECS::Service.Name":   "%s",
}

var inText = regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`)

// evaluate is a value with its functions replaced by what they give. at says where it is.
func (s *stack) evaluate(at string, value any) any {
	switch value := value.(type) {
	case []any:
		items := []any{}
		for i, item := range value {
			if item := s.evaluate(fmt.Sprintf("%s[%d]", at, i), item); item != (noValue{}) {
				items = append(items, item)
			}
		}
		return items
	case map[string]any:
		for name, argument := range value {
			if result, is := s.function(at, name, argument); is && len(value) == 1 {
				return result
			}
		}
		members := map[string]any{}
		for name, member := range value {
			if member := s.evaluate(at+"."+name, member); member != (noValue{}) {
				members[name] = member
			}
		}
		return members
	}
	return value
}

// function is the result of an intrinsic function, if that is one.
func (s *stack) function(at, name string, argument any) (result any, is bool) {
	if arguments, list := argument.([]any); list {
		return s.listFunction(at, name, arguments)
	}
	text, _ := argument.(string)
	switch name {
	case "Ref":
		return s.ref(at, text), true
	case "Condition": // of a resource it says whether that is made; elsewhere it is a function
		return text, true
	case "Fn::Sub":
		return s.substitute(at, text, nil), true
	case "Fn::GetAZs":
		return []any{"eu-north-1a", "eu-north-1b"}, true
	}
	return s.unknown(at, name)
}

func (s *stack) listFunction(at, name string, of []any) (result any, is bool) {
	two := len(of) == 2
	switch {
	case name == "Fn::GetAtt" && two:
		return s.attribute(at, of[0].(string), of[1].(string)), true
	case name == "Fn::Equals" && two:
		return reflect.DeepEqual(s.evaluate(at, of[0]), s.evaluate(at, of[1])), true
	case name == "Fn::Not" && len(of) == 1:
		return s.evaluate(at, of[0]) == false, true
	case name == "Fn::If" && len(of) == 3:
		if s.holds(at, of[0].(string)) {
			return s.evaluate(at, of[1]), true
		}
		return s.evaluate(at, of[2]), true
	case name == "Fn::Select" && two:
		list, _ := s.evaluate(at, of[1]).([]any)
		if i, ok := of[0].(int); ok && i < len(list) {
			return list[i], true
		}
	case name == "Fn::FindInMap" && len(of) == 3:
		return s.find(at, of[0].(string), fmt.Sprint(s.evaluate(at, of[1])), of[2].(string)), true
	case name == "Fn::Sub" && two:
		return s.substitute(at, of[0].(string), of[1].(map[string]any)), true
	}
	return s.unknown(at, name)
}

func (s *stack) unknown(at, name string) (result any, is bool) {
	if len(name) > 4 && name[:4] == "Fn::" {
		s.fault("%s: %s is not known here, or has the wrong arguments", at, name)
	}
	return nil, false
}

func (s *stack) ref(at, name string) any {
	s.used[name] = true
	if value, is := pseudo[name]; is {
		return value
	}
	if value, is := s.values[name]; is {
		return value
	}
	if !s.exists(name) {
		s.fault("%s refers to %s, which is not there", at, name)
	}
	return s.nameOf(name)
}

func (s *stack) nameOf(resource string) string {
	if name, is := s.names[resource]; is {
		return name
	}
	return resource
}

func (s *stack) attribute(at, resource, name string) any {
	kind, _ := s.Resources[resource]["Type"].(string)
	form, is := attributes[kind+"."+name]
	if !is || !s.exists(resource) {
		s.fault("%s asks for %s.%s, which is not there", at, resource, name)
		return nil
	}
	return fmt.Sprintf(form, s.nameOf(resource))
}

func (s *stack) find(at, mapping, first, second string) any {
	s.used[mapping] = true
	value, is := s.Mappings[mapping][first][second]
	if !is {
		s.fault("%s: %s has no %s.%s", at, mapping, first, second)
	}
	return value
}

// substitute fills ${…} in a text: a variable of the function, a reference, or an attribute.
func (s *stack) substitute(at, text string, variables map[string]any) string {
	return inText.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		if value, is := variables[name]; is {
			return fmt.Sprint(s.evaluate(at, value))
		}
		if parts := regexp.MustCompile(`^(\w+)\.(\w+)$`).FindStringSubmatch(name); parts != nil {
			return fmt.Sprint(s.attribute(at, parts[1], parts[2]))
		}
		return fmt.Sprint(s.ref(at, name))
	})
}
