package startup_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/callevents/shared/startup"
	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

func TestExplainSaysWhatToDo(t *testing.T) {
	for code, want := range map[string]string{
		"AccessDeniedException":       "allow dynamodb:Scan on the table t",
		"UnrecognizedClientException": "renew them",
		"ExpiredTokenException":       "renew them",
		"KMSAccessDeniedException":    "kms:Decrypt",
		"ValidationException":         "injected fault",
	} {
		proxy := listen(t, faults.JSONError(400, code))
		_, err := dynamodb.NewFromConfig(testenv.Config(proxy.URL())).ListTables(t.Context(), &dynamodb.ListTablesInput{})
		if err = startup.Explain(err, "dynamodb:Scan on the table t"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
		if startup.Passing(err) {
			t.Errorf("%s passes", code)
		}
	}
	if err := startup.Explain(nil, "anything"); err != nil {
		t.Error(err)
	}
}
