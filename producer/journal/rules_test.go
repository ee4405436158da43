package journal_test

import (
	"testing"

	"example.com/callevents/shared/testenv"
)

// rules are the journal's, each with the change to the program that takes it out. The test that is named must then fail.
var rules = []struct{ name, file, rule, without, test string }{
	{"what may be in the stream keeps its identity", "journal.go", `next[i].ID = j.replay.next(place)`, `_ = place`, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"what is read is noted before it is put", "journal.go", `return next, j.append(line{Read: &read{Position: after, SHA256: hex.EncodeToString(j.digest.Sum(nil))}})`, `_ = hex.EncodeToString
	return next, nil`, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"a rotation is noted before it routes", "journal.go", `return j.append(lines...)`, `return nil`, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"the rotation goes on", "journal.go", `router.Resume(former.begin.Run, former.rotations.at(former.read.Events))`, `_ = former`, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"a rotation goes on where it was", "rotations.go", `last.Skip(place - last.Records)`, ``, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"what is not settled is put again", "open.go", `&& j.boundaries[1].Events <= first {`, `{`, "TestALifeGoesOnWhereTheFormerOneEnded"},
	{"what is settled is not put again", "journal.go", `first < settled {`, `first < settled && false {`, "TestAnEndInOrderRepeatsNothing"},
	{"what was read has not changed", "open.go", `if hex.EncodeToString(j.digest.Sum(nil)) != before.SHA256 {`, `if hex.EncodeToString(nil) != "" {`, "TestAnInputThatIsNotTheSameIsRefused"},
	{"a line that was read does not go on", "open.go", `if last[0] != '\n' && info.Size() > before.Bytes {`, `if false {`, "TestALineThatGoesOnIsRefused"},
	{"the events that were read are as many", "journal.go", `if after.Bytes == before.Bytes && after.Events != before.Events {`, `if false {`, "TestAVersionThatReadsOtherEventsIsRefused"},
	{"a journal is of one stream", "journal.go", `if former.begin.Stream != stream {`, `if false {`, "TestAnInputThatIsNotTheSameIsRefused"},
	{"one producer at a time", "open.go", `err = lock(file)`, `err = nil`, "TestOneProducerAtATimeHasAJournal"},
	{"a line that is cut goes", "open.go", `j.file.Truncate(int64(whole))`, `error(nil)`, "TestOneProducerAtATimeHasAJournal"},
}

// TestEveryRuleOfTheJournalIsNeeded takes each rule out in turn, in an overlay of the source, and expects a test to fail.
func TestEveryRuleOfTheJournalIsNeeded(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			overlay := testenv.Overlay(t, r.file, r.rule, r.without) // in each run: it tells a rule whose text is another now
			if !testenv.Long() {
				t.Skip("it takes a build: scripts/test.sh --long tries it")
			}
			t.Parallel()
			testenv.MustFail(t, r.test, overlay)
		})
	}
}
