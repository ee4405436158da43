package audit_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An audit that used the audited code would repeat its mistakes. Package warehouse is there for names, metadata and the
// form of dead letters.
func TestTheAuditedCodeIsNotImported(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{join .Imports \"\\n\"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "example.com/callevents/"
	allowed := []string{"consumer/audit/reference", "consumer/warehouse", "shared/awsclient", "shared/event", "shared/hashkey", "shared/sequence", "shared/streams"}
	ours := 0
	for imported := range strings.Lines(string(out)) {
		name, isOurs := strings.CutPrefix(strings.TrimSpace(imported), module)
		if !isOurs {
			continue
		}
		if ours++; !slices.Contains(allowed, name) {
			t.Errorf("%s is imported", name)
		}
	}
	if ours < len(allowed) {
		t.Errorf("only %d imports of ours: are they still listed?", ours)
	}
}
