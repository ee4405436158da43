package lease

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// expression collects the placeholders of one conditional write.
type expression struct {
	names      map[string]string
	values     map[string]types.AttributeValue
	conditions []string
	actions    map[string][]string // SET, ADD, REMOVE
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, actions: map[string][]string{}}
}

// expectVersion is the fence: a row that is absent must still be absent; any other must carry the counter and the
// owner that were seen; a row of the stock library, which has no counter, the timeout that was seen.
func (e *expression) expectVersion(seen Row) {
	if !seen.Exists() {
		e.conditions = append(e.conditions, "attribute_not_exists("+e.name(attrShardID)+")")
		return
	}
	e.expect(attrOwner, seen.Owner)
	if seen.Counter != 0 {
		e.conditions = append(e.conditions, e.name(attrCounter)+" = "+e.number(seen.Counter))
		return
	}
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name(attrCounter)+")")
	e.expect(attrTimeout, seen.Timeout)
}

// expect wants the attribute to have the value that was seen. An empty attribute is as good as an absent one, as it is to
// decode: the stock library writes an empty owner when a checkpoint comes after its release.
func (e *expression) expect(name, value string) {
	if value == "" {
		e.conditions = append(e.conditions, "(attribute_not_exists("+e.name(name)+") OR "+e.name(name)+" = "+e.text("")+")")
		return
	}
	e.conditions = append(e.conditions, e.name(name)+" = "+e.text(value))
}

func (e *expression) name(attribute string) string {
	e.names["#"+attribute] = attribute
	return "#" + attribute
}

func (e *expression) text(v string) string { return e.value(&types.AttributeValueMemberS{Value: v}) }

func (e *expression) number(v int64) string {
	return e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)})
}

func (e *expression) value(v types.AttributeValue) string {
	if e.values == nil {
		e.values = map[string]types.AttributeValue{}
	}
	placeholder := ":v" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) condition() *string { return aws.String(strings.Join(e.conditions, " AND ")) }

func (e *expression) update() *string {
	var parts []string
	for verb, actions := range e.actions {
		parts = append(parts, verb+" "+strings.Join(actions, ", "))
	}
	return aws.String(strings.Join(parts, " "))
}
