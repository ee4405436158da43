package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// Keys and attributes of the rows of all workers together.
const (
	membersKey  = "_members"
	planKey     = "_plan"
	attrVersion = "Version" // of the members; in the plan: of those that it was made for
	attrIDs     = "Ids"
	attrPlan    = "Plan"
)

// membership is who is here, and who is to have which shard, as one worker knows it. Only the goroutine of [Leases.Run] uses it.
type membership struct {
	cfg   Config
	table rows
	log   *logrus.Entry
	seen  *sightings

	me     *life
	former []string  // ids that this worker had before
	looked bool      // at all, in any life
	away   bool      // it leaves, or has stepped back
	member bool      // it has been among the members in this life
	missed time.Time // when it was found missing there

	ids     []string // sorted
	version int64
	plan    plan
	peeked  time.Time            // when the plan was looked at last
	moving  []movers             // of the last plans
	planAt  time.Time            // when to write the next plan; zero: it is not known to be behind
	asked   map[string]time.Time // workers that were asked for shards
}

func newMembership(cfg Config, table rows, log *logrus.Entry) *membership {
	return &membership{cfg: cfg, table: table, log: log, seen: newSightings(), asked: map[string]time.Time{}}
}

// begin goes on under a new id. The former one is fenced first, see attend.
func (m *membership) begin(me *life) {
	if m.me != nil {
		m.former = append(m.former, m.me.id)
	}
	m.me, m.member = me, false
}

// look reads the members, the workers to watch, and other rows. What is not news is asked for again, consistently. All rows
// are forgotten that are neither read nor to be kept. The first look, when nothing can be old, has the plan as well: a worker that
// joins without it would think that everybody joins, and plan late.
func (m *membership) look(ctx context.Context, read []string, keep map[string]bool) error {
	keys := map[string]bool{membersKey: true}
	for _, id := range m.ring(time.Now()) {
		keys[workerPrefix+id] = true
	}
	for _, key := range read {
		keys[key] = true
	}
	maps.Copy(keep, keys)
	m.seen.forget(keep)
	first := !m.looked
	if first {
		keys[planKey] = true
	}
	items, err := m.table.Get(ctx, first, slices.Sorted(maps.Keys(keys))...)
	if err != nil {
		return err
	}
	var again []string
	for key, item := range items {
		if !first && !m.seen.news(key, item) {
			again = append(again, key)
		}
	}
	slices.Sort(again)
	sure, err := m.table.Get(ctx, true, again...)
	if err != nil {
		return err
	}
	m.looked = true
	for _, key := range again {
		delete(items, key)
	}
	maps.Copy(items, sure)
	for key, item := range items {
		m.observe(key, item, time.Now())
	}
	return nil
}

func (m *membership) observe(key string, item Item, now time.Time) {
	switch {
	case key == membersKey:
		m.ids, m.version = item.names(attrIDs), item.number(attrVersion)
	case key == planKey:
		m.observePlan(item, now)
	case isShard(key):
		m.seen.shard(decodeRow(key, item), now)
	default:
		m.seen.worker(key[len(workerPrefix):], item, now)
	}
}

// observePlan takes in a plan. One that nobody can read counts as none, but its version is needed to write the next.
func (m *membership) observePlan(item Item, now time.Time) {
	version := item.number(attrVersion)
	if version == m.plan.version && m.plan.workers != nil {
		return
	}
	p, err := unpackPlan(version, item.binary(attrPlan), now)
	if err != nil && len(item) > 0 {
		m.log.WithError(err).Warn("plan of the leases not readable, making another from their owners")
	}
	m.adopt(p)
}

// watchers is how many workers are looked at in the ring of ids, beside those that seem dead.
const watchers = 3

// ring returns the ids that this worker watches: its successors, until three that seem to be alive are among them. So each
// worker is watched by the living one before it, however many die together.
func (m *membership) ring(now time.Time) (watched []string) {
	at, found := slices.BinarySearch(m.ids, m.me.id)
	if found {
		at++
	}
	fresh := 0
	for i := range m.ids {
		id := m.ids[(at+i)%len(m.ids)]
		if id == m.me.id {
			continue
		}
		if watched = append(watched, id); m.seen.fresh(id, now) {
			fresh++
		}
		if fresh == watchers {
			break
		}
	}
	return watched
}

// attend keeps the members right: this worker joins or leaves, its former ids leave, and so do workers that are dead. Who
// changes the members makes the next plan. An id that leaves has no heartbeat after it was fenced. Membership alone allows nothing.
func (m *membership) attend(ctx context.Context, canJoin bool) error {
	for len(m.former) > 0 {
		if err := errors.Join(fenceOwn(ctx, m.table, m.former[0]), m.remove(ctx, m.former[0])); err != nil {
			return err
		}
		m.former = m.former[1:]
	}
	now := time.Now()
	for id := range m.seen.workers {
		if m.seen.overdue(id, now) {
			if err := m.fence(ctx, id); err != nil {
				return err
			}
		}
		if m.seen.dead(id, m.cfg.Duration, now) {
			if err := m.remove(ctx, id); err != nil {
				return err
			}
		}
	}
	if m.away {
		return m.remove(ctx, m.me.id)
	}
	switch {
	case slices.Contains(m.ids, m.me.id):
		m.member, m.missed = true, time.Time{}
		return nil
	case !canJoin:
		return nil
	case m.member && m.missed.IsZero(): // somebody has changed the table: is this worker's row there?
		m.missed = now
		m.me.hurry.Set()
		return nil
	}
	m.log.WithField("lease_owner", m.me.id).Info("worker joins")
	err := m.change(ctx, Write{If: []Condition{{Lacks, attrIDs, m.me.id}}, Add: Item{attrIDs: []string{m.me.id}}})
	if m.member { // the others may be missing as well, and come back within a look; a plan without them would move their leases
		m.planAt = now.Add(2 * m.cfg.restInterval())
	}
	return err
}

// fence ends the life of a worker whose heartbeat has stood for longer than it is trusted: no heartbeat succeeds afterwards.
func (m *membership) fence(ctx context.Context, id string) error {
	row := m.seen.workers[id].row
	item, err := m.table.Update(ctx, Write{Key: workerPrefix + id, Set: Item{attrFenced: int64(1)},
		If: []Condition{{Kind: Present}, equals(attrBeat, int64(row.Heartbeat))}})
	if errors.Is(err, ErrRefused) { // it lives, or its row is gone: the next look shows it
		return nil
	}
	if err != nil {
		return fmt.Errorf("fence worker %s: %w", id, err)
	}
	m.log.WithFields(logrus.Fields{"owner": id, "name": row.Name}).Warn("worker fenced, it has made no heartbeat; its leases are free")
	m.observe(workerPrefix+id, item, time.Now())
	return nil
}

// name is what operators call a worker: its name, or its id if its row was not seen.
func (m *membership) name(id string) string { return cmp.Or(m.seen.workers[id].row.Name, id) }

// remove takes an id out of the members, if it is among them.
func (m *membership) remove(ctx context.Context, id string) error {
	if !slices.Contains(m.ids, id) {
		return nil
	}
	return m.change(ctx, Write{If: []Condition{{Contains, attrIDs, id}}, Drop: Item{attrIDs: []string{id}}})
}

// change changes the members, and so makes the plan one for others. Versions are apart by chance, so that no two states of the
// members ever share one, also after the row was deleted or restored.
func (m *membership) change(ctx context.Context, w Write) error {
	w.Key = membersKey
	if w.Add == nil {
		w.Add = Item{}
	}
	w.Add[attrVersion] = 1 + rand.Int64N(1<<32)
	item, err := m.table.Update(ctx, w)
	if errors.Is(err, ErrRefused) { // it was done already, or what this worker knew is old
		items, err := m.table.Get(ctx, true, membersKey)
		if item, read := items[membersKey]; err == nil && read {
			m.observe(membersKey, item, time.Now())
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("change members: %w", err)
	}
	m.observe(membersKey, item, time.Now())
	m.planAt = time.Now().Add(m.spread())
	return nil
}

// questions are the shards that each worker is asked for.
type questions map[string]map[string]bool

func (q questions) add(worker, shard string) {
	if q[worker] == nil {
		q[worker] = map[string]bool{}
	}
	q[worker][shard] = true
}

// mostAsked is how many shards one worker asks another one for at a time, so that the other's row stays small.
const mostAsked = 20

// ask has a worker that lives say what it has of these shards: see [Leases.release]. Once in a lease duration.
func (m *membership) ask(ctx context.Context, worker string, shards map[string]bool) {
	if time.Since(m.asked[worker]) < m.cfg.Duration {
		return
	}
	m.asked[worker] = time.Now()
	some := slices.Collect(maps.Keys(shards)) // in any order: the next time others are among them
	some = some[:min(len(some), mostAsked)]
	log := m.log.WithFields(logrus.Fields{"owner": worker, "shards": some})
	log.Info("worker asked for leases that it has not released")
	_, err := m.table.Update(ctx, Write{Key: workerPrefix + worker, If: []Condition{{Kind: Present}}, Add: Item{attrAsked: some}})
	if err != nil && !errors.Is(err, ErrRefused) { // it is gone
		log.WithError(err).Warn("worker not asked, trying again")
	}
}
