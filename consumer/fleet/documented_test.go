package fleet_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"example.com/callevents/consumer/fleet"
)

// docs/operations.md names each member of /api/state. Seen to fail for stored_in.
func TestEachMemberOfTheStateIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### The status page")
	section, _, _ = strings.Cut(section, "bin/consumer shards")
	for _, kind := range []reflect.Type{reflect.TypeFor[fleet.View](), reflect.TypeFor[fleet.TableRead](), reflect.TypeFor[fleet.Totals](), reflect.TypeFor[fleet.ToDo](),
		reflect.TypeFor[fleet.Shard](), reflect.TypeFor[fleet.Worker](), reflect.TypeFor[fleet.Event](), reflect.TypeFor[fleet.Object](), reflect.TypeFor[fleet.Rejection]()} {
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if name != "-" && !strings.Contains(section, "`"+name+"`") && !strings.Contains(section, "`"+name+"[]`") {
				t.Errorf("%s.%s: no word of `%s`", kind.Name(), kind.Field(i).Name, name)
			}
		}
	}
}
