package lease

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// expression is a [Write] in the language of DynamoDB.
type expression struct {
	names      map[string]string
	values     map[string]types.AttributeValue
	conditions []string
	actions    map[string][]string // SET, ADD, REMOVE, DELETE
}

func newExpression(w Write) *expression {
	e := &expression{actions: map[string][]string{}}
	for _, c := range w.If {
		e.conditions = append(e.conditions, e.term(c))
	}
	for _, name := range slices.Sorted(maps.Keys(w.Set)) {
		if w.Set[name] == "" {
			e.actions["REMOVE"] = append(e.actions["REMOVE"], e.name(name))
		} else {
			e.actions["SET"] = append(e.actions["SET"], e.name(name)+" = "+e.value(encode(w.Set[name])))
		}
	}
	for verb, changes := range map[string]Item{"ADD": w.Add, "DELETE": w.Drop} {
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			e.actions[verb] = append(e.actions[verb], e.name(name)+" "+e.value(encode(changes[name])))
		}
	}
	return e
}

// term is one condition. An empty attribute is as good as an absent one, as it is to decode: the stock library writes an
// empty owner when a checkpoint comes after its release.
func (e *expression) term(c Condition) string {
	switch c.Kind {
	case Present:
		return "attribute_exists(" + e.name(attrShardID) + ")"
	case Absent:
		return "attribute_not_exists(" + e.name(attrShardID) + ")"
	case Contains:
		return "contains(" + e.name(c.Name) + ", " + e.value(encode(c.Value)) + ")"
	case Lacks:
		return "NOT contains(" + e.name(c.Name) + ", " + e.value(encode(c.Value)) + ")"
	}
	if zero(c.Value) {
		return "(attribute_not_exists(" + e.name(c.Name) + ") OR " + e.name(c.Name) + " = " + e.value(encode(c.Value)) + ")"
	}
	return e.name(c.Name) + " = " + e.value(encode(c.Value))
}

func zero(v any) bool { return v == "" || v == int64(0) }

func (e *expression) name(attribute string) string {
	if e.names == nil {
		e.names = map[string]string{}
	}
	e.names["#"+attribute] = attribute
	return "#" + attribute
}

func (e *expression) value(v types.AttributeValue) string {
	if e.values == nil {
		e.values = map[string]types.AttributeValue{}
	}
	placeholder := ":v" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) condition() *string {
	if len(e.conditions) == 0 {
		return nil
	}
	return aws.String(strings.Join(e.conditions, " AND "))
}

func (e *expression) update() *string {
	var parts []string
	for verb, actions := range e.actions {
		parts = append(parts, verb+" "+strings.Join(actions, ", "))
	}
	return aws.String(strings.Join(parts, " "))
}

func encode(v any) types.AttributeValue {
	switch v := v.(type) {
	case int64:
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
	case []byte:
		return &types.AttributeValueMemberB{Value: v}
	case []string:
		return &types.AttributeValueMemberSS{Value: v}
	}
	text, _ := v.(string)
	return &types.AttributeValueMemberS{Value: text}
}

func decode(attributes map[string]types.AttributeValue) Item {
	item := make(Item, len(attributes))
	for name, v := range attributes {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			item[name] = v.Value
		case *types.AttributeValueMemberN:
			item[name], _ = strconv.ParseInt(v.Value, 10, 64)
		case *types.AttributeValueMemberB:
			item[name] = v.Value
		case *types.AttributeValueMemberSS:
			item[name] = slices.Sorted(slices.Values(v.Value))
		}
	}
	return item
}
