package lease

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// spread is a wait at random before a plan, the longer the more workers have come or gone since the last one: they may all be
// about to write it.
func (m *membership) spread() time.Duration {
	changes, planned := 0, 0
	for _, id := range m.ids {
		if m.plan.shares[id] == nil {
			changes++
		} else {
			planned++
		}
	}
	changes += len(m.plan.shares) - planned
	if changes < 2 {
		return 0
	}
	return rand.N(50 * time.Millisecond * time.Duration(changes))
}

// plans brings the plan up to date, if it is not made for these members and these shards. Who has changed the members does it
// at once. Somebody who has not waits for two looks: that worker may have died in between.
func (m *membership) plans(ctx context.Context, l listing) error {
	now := time.Now()
	switch {
	case len(l.shards) == 0 || m.fits(l):
		m.planAt = time.Time{}
		return nil
	case m.planAt.IsZero() || now.Before(m.planAt):
		if err := m.peek(ctx, now); err != nil || m.fits(l) {
			return err
		}
		if m.planAt.IsZero() {
			m.planAt = now.Add(2*m.cfg.SyncInterval + m.spread())
		}
		return nil
	}
	items, err := m.table.Get(ctx, true, membersKey, planKey)
	if err != nil || len(items) < 2 {
		return errors.Join(err, errIf(len(items) < 2, errBusy))
	}
	m.observe(membersKey, items[membersKey], now)
	m.observe(planKey, items[planKey], now)
	switch {
	case m.fits(l) || len(m.ids) == 0:
		m.planAt = time.Time{}
		return nil
	case m.plan.version == m.version && m.plan.workers != nil: // new shards
		return m.change(ctx, Write{If: []Condition{equals(attrVersion, m.version)}})
	}
	return m.write(ctx, l)
}

// peek looks whether another worker has written the plan for these members. Many may do that, and it is large, so seldom.
func (m *membership) peek(ctx context.Context, now time.Time) error {
	if now.Sub(m.peeked) < time.Duration(2*len(m.ids))*time.Millisecond {
		return nil
	}
	m.peeked = now
	items, err := m.table.Get(ctx, false, planKey)
	if item := items[planKey]; item.number(attrVersion) == m.version {
		m.observe(planKey, item, now)
	}
	return err
}

func errIf(so bool, err error) error {
	if so {
		return err
	}
	return nil
}

// fits reports whether the plan is made for the members and the shards of now.
func (m *membership) fits(l listing) bool {
	return m.plan.workers != nil && m.plan.version == m.version && m.plan.covers(l)
}

// write writes the next plan, unless somebody else has.
func (m *membership) write(ctx context.Context, l listing) error {
	base := m.plan
	if base.workers == nil {
		owners, err := m.owners(ctx)
		if err != nil {
			return err
		}
		base = plan{workers: owners}
	}
	next := newPlan(m.version, base.next(m.ids, l), time.Now())
	_, err := m.table.Update(ctx, Write{Key: planKey, If: []Condition{equals(attrVersion, m.plan.version)},
		Set: Item{attrVersion: m.version, attrPlan: next.pack()}})
	if errors.Is(err, ErrRefused) { // the next look shows it
		m.planAt = time.Now().Add(m.spread())
		return nil
	}
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	m.log.WithFields(logrus.Fields{"workers": len(m.ids), "shards": len(next.workers)}).Info("leases planned")
	m.adopt(next)
	m.planAt = time.Time{}
	return nil
}

// owners returns who has which shard now. So nothing moves when the plan was lost.
func (m *membership) owners(ctx context.Context) (map[string]string, error) {
	items, err := m.table.Scan(ctx)
	owners := map[string]string{}
	for _, item := range items {
		if isShard(item.key()) {
			owners[item.key()] = item.text(attrOwner)
		}
	}
	return owners, err
}

// adopt takes a plan over. The more workers it gives something, the slower each of them takes it.
func (m *membership) adopt(p plan) {
	now := time.Now()
	m.moving = slices.DeleteFunc(m.moving, func(n movers) bool { return now.Sub(n.since) > m.cfg.Duration })
	if m.plan.workers != nil || p.shares[m.me.id] != nil { // else it is the first plan that this worker sees, and does not concern it
		m.moving = append(m.moving, movers{now, p.movers(m.plan)})
	}
	m.plan = p
}

// movers is how many workers a plan has given something.
type movers struct {
	since time.Time
	count int
}

// sharers is how many workers acquire leases now, about, and at least 1.
func (m *membership) sharers() (n int) {
	for _, of := range m.moving {
		n += of.count
	}
	return max(1, min(n, len(m.ids)))
}
