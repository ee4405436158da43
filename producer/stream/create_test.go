package stream_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/stream"
)

// A creation is a Warn with what is needed to notice a typo. Before, it was "stream is being created" at Info, without
// region, account or price.
func TestACreationSaysWhereAndWhatItCosts(t *testing.T) {
	for name, is := range map[string]struct {
		wanted stream.Wanted
		costs  string
	}{
		"provisioned": {stream.Wanted{Shards: 4}, "0.060 USD an hour"},
		"on demand":   {stream.Wanted{OnDemand: true}, "0.040 USD an hour"},
	} {
		t.Run(name, func(t *testing.T) {
			m, hook := manager(&account{}, is.wanted)
			if _, err := m.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			said := 0
			for _, e := range hook.AllEntries() {
				if !strings.Contains(e.Message, "CREATED") {
					continue
				}
				said++
				if e.Level != logrus.WarnLevel || e.Data["stream"] != "calls" || e.Data["region"] != "eu-north-1" ||
					e.Data["account"] != "123456789012" || !strings.Contains(fmt.Sprint(e.Data["costs"]), is.costs) {
					t.Errorf("said %v", e.Data)
				}
			}
			if said != 1 {
				t.Errorf("said %d times", said)
			}
		})
	}
}

func TestAStreamThatIsNotToBeCreatedIsNot(t *testing.T) {
	a := &account{}
	m, _ := manager(a, stream.Wanted{Create: true}) // which is turned round there
	if _, err := m.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "eu-north-1") || a.created != nil {
		t.Errorf("Ensure: %v, created %v", err, a.created)
	}
	a = existing()
	a.stream.OpenShardCount = aws.Int32(4)
	m, _ = manager(a, stream.Wanted{Create: true})
	if _, err := m.Ensure(t.Context()); err != nil {
		t.Errorf("a stream that is there: %v", err)
	}
}
