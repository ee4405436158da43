package pipeline_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/callevents/shared/testenv"
)

// rules are the protocol's, each with the change to the program that takes it out. The random histories must then
// find the fault, or the test that is named, where a rule is about something that histories don't have.
var rules = []struct{ name, file, rule, without, test string }{
	{"1 a link is created only if nothing has its name", "../warehouse/commit.go",
		`IfNoneMatch: aws.String("*"),`, ``, ""},
	{"1 a link is named after the record before it", "pipeline.go",
		`p.batch.Append(at)`, `if p.batch.Empty() && p.repair == nil {
			p.begin(warehouse.Place{Shard: p.shard.ID, Previous: at.Before(), Day: p.batch.Place().Day}, p.link, p.settled)
		}
		p.batch.Append(at)`, ""},
	{"1 no commit starts outside the trust window", "../warehouse/commit.go",
		`if !now.Before(until) {`, `if now.IsZero() {`,
		"../warehouse TestCommitOutsideTheTrustWindowSendsNothing"},
	{"2 a refused commit is adopted, not counted as done", "commit.go",
		`if there = first; err`, `_ = first
			if there = link; err`, ""},
	{"2 an unknown outcome is resolved before anything else", "commit.go",
		`case warehouse.Done:`, `case warehouse.Done, warehouse.Unknown:`, ""},
	{"2 a link that is refused and absent is sent again", "commit.go",
		`return errGoneAgain`, `return nil`, ". TestFailureMatrix/gofakes3/put_next_link/412"},
	{"2 forbidden is not absent", "../warehouse/store.go",
		`s.forbidden(at.Bucket, key, err)`, `nil`, "../warehouse TestPreflightSaysWhatToDo"},
	{"2 a link of another application is fatal", "../warehouse/store.go",
		`if link.Application != s.Application || link.Stream != s.Stream {`, `if false {`,
		"../warehouse TestForeignObjectsAreFatal/gofakes3"},
	{"2 the batch is dropped if the link ends elsewhere", "../warehouse/link.go",
		`return l == other`, `return l.AnyShard == other.AnyShard`, ""},
	{"2 the batch is dropped if the link was judged otherwise", "../warehouse/link.go",
		`return l == other`, `return l.First == other.First && l.Last == other.Last`, ""},
	{"3 dead letters are restored as the link was judged", "commit.go",
		`= link.AnyShard, link.ByIdentity`, `= p.batch.AnyShard, link.ByIdentity`, ""},
	{"2 after adoption the rest of the page is read again", "pipeline.go",
		`err != nil || moved {`, `err != nil || moved && err != nil {`, ""},
	{"3 dead letters are stored after the link", "commit.go",
		`if link.Rejected > 0 {`, `if false {`, ""},
	{"3 dead letters missing at the tip are restored", "../warehouse/deadletter.go",
		`return true, nil`, `return false, nil`, ""},
	{"3 incomplete dead letters replace nothing", "../warehouse/deadletter.go",
		`case !complete:`, `case false:`, ""},
	{"3 dead letters of others are not overwritten", "../warehouse/deadletter.go",
		`case !isDeadLetters(there, link):`, `case there == nil:`,
		"../warehouse TestDeadLettersOfOthersAreNotOverwritten"},
	{"3 a link names its own dead letters", "../warehouse/deadletter.go",
		`ok = ok && strings.HasSuffix(prefix, "/")`, `ok = len(prefix) > 0`,
		"../warehouse TestALinkCannotNameAnotherKey"},
	{"3 the checkpoint comes after the link", "commit.go",
		`started := time.Now()`, `started := time.Now()
		_ = p.lease.Checkpoint(ctx, p.batch.Last(), nextDay)`, ""},
	{"3 a drain stores the checkpoint", "pipeline.go",
		`return p.store(ctx)`, `return nil`, ". TestCheckpointsAreStoredSeldomAndAtTheEnd"},
	{"3 checkpoints are seldom", "checkpoint.go",
		`if p.links < checkpointLinks && time.Since(p.stored) < checkpointEvery {`, `if false {`, ". TestCheckpointsAreStoredSeldomAndAtTheEnd"},
	{"4 a shard is resumed at its tip", "commit.go",
		`if ok && !checkpoint.After(tip.Last) {`, `if ok && false {`, ""},
	{"4 links ahead of the checkpoint are followed", "commit.go",
		`ahead, found, err := p.cfg.Store.Resume(ctx, place)`, `ahead, found, err := warehouse.Link{}, false, error(nil)`,
		". TestAShardThatWasIdleForLongGoesOnAtOnce"},
	{"4 a day counts only with its checkpoint", "../lease/checkpoint.go",
		`r.DayOfCheckpoint == r.Checkpoint && `, ``, "../lease TestADayCountsOnlyWithItsCheckpoint"},
	{"4 the tip may lie where a former run wrote", "../warehouse/location.go",
		`known := s.Locations`, `known := s.Locations[:0]`, ""},
	{"5 the day of a link is decided by the link before", "pipeline.go",
		`err = p.commit(ctx, day, causeDay)`, `if p.batch.Empty() {
			p.begin(warehouse.Place{Shard: p.shard.ID, Previous: p.batch.Last(), Day: day}, p.link, p.settled)
			break
		}
		err = p.commit(ctx, day, causeDay)`, ""},
	{"5 a sequence number is never cut", "pipeline.go",
		`if err := p.batch.AddLine(`, `if p.full() != "" {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second) // a store that is gone must not hold it for ever
			_ = p.commit(ctx, p.batch.Place().Day, causeRecords)
			cancel()
		}
		if err := p.batch.AddLine(`, ""},
	{"5 a batch of nothing but rejected records is a link", "commit.go",
		`if err := p.batch.Seal(nextDay); err != nil {`, `if p.batch.Records() == 0 && p.batch.Rejected() > 0 {
			p.begin(warehouse.Place{Shard: p.shard.ID, Previous: p.batch.Last(), Day: p.batch.Place().Day}, p.link, p.settled)
			return nil
		}
		if err := p.batch.Seal(nextDay); err != nil {`, ""},
	{"6 a record that is not after the last one is dropped", "pipeline.go",
		`if !at.After(p.batch.Last()) {`, `if false {`, ""},
	{"copies: a resend is dropped only if its event is settled", "judge.go",
		`case before && u.again:`, `case u.again:`, ""},
	{"copies: a first send is never dropped", "judge.go",
		`case before && u.again:`, `case before:`, ""},
	{"copies: a copy is dropped", "judge.go",
		`case before && u.again:`, `case false:`, ""},
	{"copies: the events of a container count up", "settled.go",
		`id := c.id.Plus(n)`, `id := c.id`, ""},
	{"copies: a lane outside the shard is none", "settled.go",
		`case !p.shard.HashKeys.Contains(id.HashKey()):`, `case false:`, ""},
	{"7 the memory comes from the link, also from another writer's", "commit.go",
		`p.begin(link.Next(), link, memory.Read(link.Memory, link.NextDay))`, `p.begin(link.Next(), link, p.settled)`, ""},
	{"7 an equal range with another memory is adopted", "../warehouse/link.go",
		`other.Writer = l.Writer`, `other.Writer, other.Memory, other.Copies, other.Before = l.Writer, l.Memory, l.Copies, l.Before
	other.Records, other.Rejected, other.DeadLetters = l.Records, l.Rejected, l.DeadLetters`, ". TestAnEqualRangeThatWasJudgedOtherwiseIsAdopted"},
	{"7 links without records have a memory", "settled.go",
		`return p.settled.Text(room, nextDay)`, `if p.batch.Empty() {
			return ""
		}
		return p.settled.Text(room, nextDay)`, ""},
	{"7 a shard begins with its parents' memories", "settled.go",
		`known = append(known, memory.Read(tip.Memory, tip.NextDay))`, `_ = tip`, ""},
	{"7 a parent without a link has its parents'", "settled.go",
		`known = append(known, older...)`, `_ = older`, ""},
	{"7 dead letters are restored with the memory before", "settled.go",
		`if link.Before == (warehouse.Name{}) {`, `if true {`, ""},
	{"7 a link whose dead letters need the memory before names it", "settled.go",
		`before = p.link.Name()`, `_ = p.link.Name()`, ""},
	{"7 dead letters of a link of an older version are restored without identities", "commit.go",
		`= link.AnyShard, link.ByIdentity`, `= link.AnyShard, true`, ". TestALinkOfAnOlderVersionIsRepairedAsItWasJudged"},
	{"7 a lane is forgotten by day", "../memory/text.go",
		`if age > Days {`, `if false {`, "../memory TestALaneIsForgottenByDay"},
	{"7 the metadata is never too large", "../warehouse/batch.go",
		`memory(s.Link(b).room())`, `memory(s.Link(b).room() + 1)`, "../warehouse TestTheMetadataHasNoMoreThanS3Takes"},
	{"producer: what may have been put is marked", "../../producer/put/call.go",
		`			e.unknown++
			e.mark()`, `			e.unknown++`, "../../producer/put TestCopiesOfAnEventHaveOneIdentityAndAllButTheFirstAreMarked"},
	{"producer: a lane has one hash key", "../../producer/route/router.go",
		`to.ExplicitHashKey = to.ID.HashKey()`, `to.ExplicitHashKey = shard.HashKeys.Draw(r.random)`,
		"../../producer/put TestCopiesOfAnEventHaveOneIdentityAndAllButTheFirstAreMarked"},
	{"producer: the spill has the identity", "../../producer/spill/spill.go",
		`if !e.ID.None() {`, `if false {`, "../../producer/spill TestALineHasAnIdentityOrNone"},
	{"producer: what comes from the spill is marked", "../../producer/route/router.go",
		`Again: true, `, ``, "../../producer/put TestASpilledEventIsSentAgainAsItself"},
	{"producer: a redrive has no identity", "../redrive/putter.go",
		`!id.None() ||`, `!id.None() && false ||`, "../redrive TestARedriveHasNoIdentity"},
	{"8 the store must refuse the second create", "../warehouse/preflight.go",
		`{Name: "s3:PutObject, conditional", Try: s.probeCreate},`, ``, "../warehouse TestPreflightSaysWhatToDo"},
}

// histories is how many a rule has to be missed in. In a long run as many must pass with all rules.
func histories() int {
	if testenv.Long() {
		return 100_000
	}
	return 5_000
}

// inShortRun are the rules that a run tries that is not long. Each takes a build, but few histories, to be missed.
var inShortRun = []string{
	"2 an unknown outcome is resolved before anything else", "3 dead letters are stored after the link",
	"4 a shard is resumed at its tip", "copies: a first send is never dropped",
	"7 the memory comes from the link, also from another writer's",
}

// TestEveryRuleIsNeeded takes each rule out in turn, in an overlay of the source, and expects the histories to fail;
// with all rules they must pass. The trust window has a test of its own: it saves work, the chain holds without it.
func TestEveryRuleIsNeeded(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		if !testenv.Long() {
			t.Skip("TestEveryRecordIsInExactlyOneObject plays fewer")
		}
		t.Parallel()
		if out, err := play(t, ""); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			overlay := testenv.Overlay(t, r.file, r.rule, r.without) // in each run: it tells a rule whose text is another now
			if !testenv.Long() && !slices.Contains(inShortRun, r.name) {
				t.Skip("scripts/test.sh --long tries it")
			}
			t.Parallel()
			out, err := play(t, r.test, "-overlay", overlay)
			if err == nil {
				t.Fatal("nothing misses the rule")
			}
			if found := "--- FAIL: " + fields(r.test)[1]; !strings.Contains(out, found) {
				t.Fatalf("%v\n%s", err, out)
			}
			_, fault, _ := strings.Cut(out, "_test.go:")
			t.Logf("found: %s", strings.SplitN(fault, "\n", 2)[0])
		})
	}
}

// fields are the package and the name of a test.
func fields(test string) []string {
	if test == "" {
		return []string{".", "TestEveryRecordIsInExactlyOneObject"}
	}
	return strings.Fields(test)
}

// play runs a test in a process of its own, the histories on one processor: no two goroutines of a history run at a
// time anyway, and they make much garbage.
func play(t *testing.T, test string, flags ...string) (string, error) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed) // the first of all; a failure prints its own
	at := fields(test)
	args := append([]string{"test", "-run", "^" + strings.ReplaceAll(at[1], "/", "$/^") + "$", "-timeout", "8m"}, flags...)
	args = append(args, at[0])
	if test == "" {
		args = append(args, "-rapid.checks="+strconv.Itoa(histories()), "-rapid.seed="+strconv.FormatUint(seed, 10))
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=800")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
