package main_test

import (
	"errors"
	"net/http"
	"os/exec"
	"slices"
	"testing"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/faults"
)

// ownedBy answers as S3 does in the name of an account: 403 if another is expected. Otherwise it says that there is no such bucket;
// the test server would compare with an account of its own. It reports a request that does not say whose bucket it expects.
func ownedBy(t *testing.T, account string) faults.Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		answer := faults.XMLError(http.StatusForbidden, "AccessDenied")
		switch r.Header.Get("X-Amz-Expected-Bucket-Owner") {
		case account:
			answer = faults.XMLError(http.StatusNotFound, "NoSuchBucket")
		case "":
			t.Errorf("%s %s names no owner", r.Method, r.URL)
		}
		answer(w, r, pass)
	}
}

// Each command that uses a bucket refuses one of another account. Before, there was no such flag: a bucket of somebody else with the
// default name was used.
func TestABucketOfAnotherAccountIsRefused(t *testing.T) {
	t.Parallel()
	const ours, theirs = "111111111111", "222222222222"
	for command, code := range map[string]int{"": 1, "verify": 3, "redrive": 1} {
		t.Run("consumer "+command, func(t *testing.T) {
			r := newRig(t)
			if command != "" {
				r.args = slices.Concat([]string{command}, r.args)
			}
			for account, says := range map[string]string{theirs: "not of account " + ours, ours: "NoSuchBucket"} {
				rule := r.proxies["S3"].Add(faults.Rule{Fault: ownedBy(t, account)})
				c := r.start(t, "--bucket-owner", ours)
				testenv.Eventually(t, "it runs on", func() bool { return !c.Running() })
				var exit *exec.ExitError
				if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code || !c.said(says) {
					t.Errorf("a bucket of %s: ended with %v, does not say %q\n%s", account, err, says, c.all())
				}
				rule.Remove()
			}
		})
	}
}
