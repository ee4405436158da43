// Package systemd_test checks the units: systemd reads them without a complaint, and thinks them well locked up.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// exposure is the most that systemd may find, of 100: 12 is what is left of a service that needs the network.
const exposure = "12"

var program = regexp.MustCompile(`(?m)^ExecStart=(/opt/callevents/(?:consumer|producer))(?: resend)?$`)

// Seen to fail with a name that systemd does not know (it only warns of that), without ExecStart, and with
// PrivateDevices=no (12 becomes 15).
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("the units are not checked here: install systemd")
	}
	units, err := filepath.Glob("*.service")
	if err != nil || len(units) != 3 {
		t.Fatalf("units %v, %v", units, err)
	}
	for _, unit := range units {
		t.Run(unit, func(t *testing.T) {
			text, err := os.ReadFile(unit)
			if err != nil {
				t.Fatal(err)
			}
			start := program.FindSubmatchIndex(text)
			if start == nil {
				t.Fatal("it starts none of the programs")
			}
			// The program must be there, and is not on this machine. Any other one stands in for it.
			there := filepath.Join(t.TempDir(), unit)
			if err := os.WriteFile(there, append(append(text[:start[2]:start[2]], "/bin/true"...), text[start[3]:]...), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(analyze, "verify", there).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("verify: %v\n%s", err, out)
			}
			if out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+exposure, there).CombinedOutput(); err != nil {
				t.Errorf("security: %v\n%s", err, out)
			}
		})
	}
}
