package cloudformation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// template is a CloudFormation template, with its functions as {"Ref": …} and {"Fn::…": …}.
type template struct {
	Parameters map[string]map[string]any
	Conditions map[string]any
	Mappings   map[string]map[string]map[string]any
	Resources  map[string]map[string]any
	Outputs    map[string]any
}

// parse reads a template. A section that is not in the struct, or a name twice, is an error.
func parse(text string) (template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return template{}, err
	}
	sections, err := plain(document.Content[0])
	if err != nil {
		return template{}, err
	}
	var parsed template
	for name, section := range sections.(map[string]any) {
		var into any
		switch name {
		case "AWSTemplateFormatVersion", "Description":
			continue
		case "Parameters":
			into = &parsed.Parameters
		case "Conditions":
			into = &parsed.Conditions
		case "Mappings":
			into = &parsed.Mappings
		case "Resources":
			into = &parsed.Resources
		case "Outputs":
			into = &parsed.Outputs
		default:
			return template{}, fmt.Errorf("no section of a template is called %s", name)
		}
		again, err := yaml.Marshal(section)
		if err == nil {
			err = yaml.Unmarshal(again, into)
		}
		if err != nil {
			return template{}, fmt.Errorf("section %s: %w", name, err)
		}
	}
	return parsed, nil
}

// plain is a node without tags: !Sub x is {"Fn::Sub": x}.
func plain(node *yaml.Node) (value any, err error) {
	switch node.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			name := node.Content[i].Value
			if _, twice := members[name]; twice {
				return nil, fmt.Errorf("line %d: %s is there twice", node.Line, name)
			}
			if members[name], err = plain(node.Content[i+1]); err != nil {
				return nil, err
			}
		}
		value = members
	case yaml.SequenceNode:
		items := make([]any, len(node.Content))
		for i, item := range node.Content {
			if items[i], err = plain(item); err != nil {
				return nil, err
			}
		}
		value = items
	case yaml.ScalarNode:
		value = node.Value
		if !strings.HasPrefix(node.Tag, "!") || strings.HasPrefix(node.Tag, "!!") {
			err = node.Decode(&value)
		}
	default:
		return nil, errors.New("CloudFormation takes no aliases")
	}
	switch tag := strings.TrimPrefix(node.Tag, "!"); {
	case err != nil || tag == "" || strings.HasPrefix(tag, "!"):
		return value, err
	case tag == "Ref" || tag == "Condition":
		return map[string]any{tag: value}, nil
	case tag == "GetAtt":
		resource, attribute, _ := strings.Cut(value.(string), ".")
		return map[string]any{"Fn::GetAtt": []any{resource, attribute}}, nil
	default:
		return map[string]any{"Fn::" + tag: value}, nil
	}
}

// stack is a template with the values of its parameters, and what AWS would call its resources.
type stack struct {
	template
	values map[string]any    // by parameter
	names  map[string]string // by resource; without one the resource is called as in the template
	used   map[string]bool   // parameters, conditions, mappings and resources
	wrong  []string
}

// deploy evaluates a template with parameters beside the defaults. The resources are those that it would make.
func deploy(t template, parameters map[string]any, names map[string]string) (resources map[string]map[string]any, s *stack) {
	s = &stack{template: t, values: map[string]any{}, names: names, used: map[string]bool{}}
	for name, p := range t.Parameters {
		value, given := parameters[name]
		if !given {
			if value, given = p["Default"]; !given {
				s.fault("parameter %s has no default, and no value", name)
			}
		}
		if allowed, some := p["AllowedValues"].([]any); some && !slices.Contains(allowed, value) {
			s.fault("parameter %s is %v, which is not allowed", name, value)
		}
		s.values[name] = value
	}
	resources = map[string]map[string]any{}
	for name, r := range t.Resources {
		if s.exists(name) {
			resources[name], _ = s.evaluate(name, r).(map[string]any)
			s.needs(name, r["DependsOn"])
		}
	}
	for name, output := range t.Outputs {
		s.evaluate("output "+name, output)
	}
	return resources, s
}

func (s *stack) fault(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// exists reports whether a resource is in this stack: it has no condition, or one that holds.
func (s *stack) exists(resource string) bool {
	r, is := s.Resources[resource]
	condition, some := r["Condition"].(string)
	return is && (!some || s.holds(resource, condition))
}

func (s *stack) needs(at string, dependencies any) {
	if one, is := dependencies.(string); is {
		dependencies = []any{one}
	}
	others, _ := dependencies.([]any)
	for _, other := range others {
		if name, _ := other.(string); !s.exists(name) {
			s.fault("%s depends on %v, which is not there", at, other)
		}
	}
}

func (s *stack) holds(at, condition string) bool {
	s.used[condition] = true
	definition, is := s.Conditions[condition]
	if !is {
		s.fault("%s: no condition %s", at, condition)
		return false
	}
	value, _ := s.evaluate("condition "+condition, definition).(bool)
	return value
}
