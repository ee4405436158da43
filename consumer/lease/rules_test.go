package lease_test

import (
	"slices"
	"testing"

	"example.com/callevents/shared/testenv"
)

// rules are the protocol's, each with the change to the program that takes it out. The test that is named must then fail.
var rules = []struct{ name, file, rule, without, test string }{
	{"a worker that is fenced makes no heartbeat", "life.go", `, equals(attrFenced, int64(0))}`, `}`, "TestAWorkerThatIsFencedStops"},
	{"trust ends before the fence", "config.go", `c.Duration * 8 / 10`, `c.Duration * 16 / 10`, "TestHistories"},
	{"trust counts from the first try of a heartbeat", "life.go", `since := l.firstTry`, `since := started`,
		"TestTrustWindowCountsFromTheHeartbeatThatWasApplied"},
	{"a lease is acquired as it was seen", "rows.go", `If: seen.unchanged(), `, ``, "TestHistories"},
	{"only a free lease is acquired, or one of a fenced owner", "sightings.go", `|| owner.row.fenced:`, `|| owner.there:`, "TestHistories"},
	{"an owner without a row is respected", "sightings.go", `return standing >=`, `return standing+time.Hour >=`, "TestTableOfTheStockLibraryIsTakenOver"},
	{"a fence is for the heartbeat that was seen", "membership.go", `, equals(attrBeat, int64(row.Heartbeat))}`, `}`, "TestAFenceIsForTheHeartbeatThatWasSeen"},
	{"what is absent is asked for again", "sightings.go", `case len(i) == 0:
		return false`, `case len(i) == 0:
		return true`, "TestWhatIsAbsentIsAskedForConsistently"},
	{"each watches until three are alive", "membership.go", `m.seen.fresh(id, now) {`, `m.seen.fresh(id, now) || true {`, "TestWorkersThatDieTogetherAreFound"},
	{"others plan if who should is dead", "planning.go", `m.planAt = now.Add(2*m.cfg.SyncInterval + m.spread())`, `m.planAt = now.Add(1000 * m.cfg.Duration)`,
		"TestThePlanOfAWorkerThatDiesIsMadeByOthers"},
	{"a lost plan is made from the owners", "planning.go", `base = plan{workers: owners}`, `_ = owners`, "TestNothingMovesWhenThePlanOrTheMembersAreLost"},
	{"who comes back waits for the others", "membership.go", `m.planAt = now.Add(2 * m.cfg.restInterval())`, ``, "TestNothingMovesWhenThePlanOrTheMembersAreLost"},
	{"who is missing looks for its own row", "membership.go", `m.me.hurry.Set()`, ``, "TestATableThatWasMadeAgainIsJoinedUnderAnotherId"},
	{"an owner is asked for what it has not", "follow.go", `ask.add(owner.row.ID, id)`, ``, "TestALeaseThatItsOwnerDoesNotHaveIsAskedFor"},
	{"who cannot acquire steps back", "follow.go", `> 2*f.cfg.Duration }`, `> 2000*f.cfg.Duration }`, "TestAWorkerThatCannotAcquireStepsBack"},
	{"who cannot read ends its life", "run.go", `> 3*s.cfg.Duration {`, `> 3000*s.cfg.Duration {`, "TestAWorkerThatCannotReadLosesItsLeases"},
	{"who stops leaves the members", "run.go", `s.depart(context.WithoutCancel(ctx), f)`, `_ = f`, "TestAnIdleWorkerThatStopsLeavesTheMembers"},
	{"everybody keeps its share", "plan.go", `if !give(id, p.workers[id]) {`, `if true {`, "TestPlansMoveTheLeast"},
	{"the remainder stays where it is", "plan.go", `cmp.Compare(has[b], has[a])`, `cmp.Compare(has[b], has[b])`, "TestPlansMoveTheLeast"},
	{"a list older than the plan drops nothing", "plan.go", `!l.began.After(p.read)`, `false`, "TestPlansKeepWhatAnOlderListLacks"},
	{"a child goes to the reader of its parent", "plan.go", `give(id, p.workers[parent]) }`, `false }`, "TestAChildGoesToTheReaderOfItsParent"},
	{"parents come first", "listing.go", `if !finished[parent] {`, `if false {`, "TestChildOfAMergeWaitsForBothParents"},
	{"who waits for a child asks", "follow.go", `ask.add(reader, parent)`, ``, "TestAParentWhoseRowIsGoneIsReadAgain"},
	{"what is finished is read again", "run.go", `delete(s.finished, id)`, `_ = id`, "TestAParentWhoseRowIsGoneIsReadAgain"},
	{"an idle lease is written all the same", "config.go", `touchEvery = 30 * time.Minute`, `touchEvery = 30 * 24 * time.Hour`, "TestFailedCheckpointDoesNotGoLiveWithTheNextWrite"},
	{"the first version is waited for", "application.go", `err = t.quiet(ctx)`, `err = nil`, "TestATableOfTheFirstVersionIsTakenOverWhenItIsQuiet"},
}

// inShortRun are the rules that a run tries that is not long: each takes a build.
var inShortRun = []string{"a worker that is fenced makes no heartbeat", "an owner is asked for what it has not", "the remainder stays where it is"}

// TestEveryRuleOfTheLeasesIsNeeded takes each rule out in turn, in an overlay of the source, and expects a test to fail.
func TestEveryRuleOfTheLeasesIsNeeded(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			overlay := testenv.Overlay(t, r.file, r.rule, r.without) // in each run: it tells a rule whose text is another now
			if !testenv.Long() && !slices.Contains(inShortRun, r.name) {
				t.Skip("scripts/test.sh --long tries it")
			}
			t.Parallel()
			testenv.MustFail(t, r.test, overlay, "-rapid.checks=2000")
		})
	}
}
