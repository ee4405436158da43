// Package scene makes applications of any size for tests of the status page.
package scene

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/consumer/fleet"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/stall"
)

// Scene is an application with that many shards and workers, as the first worker shows it after five minutes. Times are those
// of a synctest bubble.
type Scene struct {
	Shards, Workers int
	Blocked         func(shard int) bool
	Broken          bool // the table cannot be read at the end
	Split           bool // the last shard was split, and is still read to its end
}

func shardID(n int) string { return fmt.Sprintf("shardId-%012d", n) }

func (s Scene) owner(n int) string { return fmt.Sprintf("ip-10-0-%d-17-4k2m9q", n%s.Workers) }

func (s Scene) listed() []fleet.Listed {
	var listed []fleet.Listed
	for n := range s.Shards {
		from, to := float64(n)/float64(s.Shards), float64(n+1)/float64(s.Shards)
		listed = append(listed, fleet.Listed{ID: shardID(n), From: from, To: to})
	}
	if s.Split {
		last := &listed[s.Shards-1]
		last.Closed = true
		middle := (last.From + last.To) / 2
		parents := []string{last.ID}
		listed = append(listed, fleet.Listed{ID: shardID(s.Shards), From: last.From, To: middle, Parents: parents},
			fleet.Listed{ID: shardID(s.Shards + 1), From: middle, To: last.To, Parents: parents})
	}
	return listed
}

// table is what the lease table says after that many seconds.
func (s Scene) table(second int) lease.Fleet {
	var f lease.Fleet
	figures := map[string][]fleet.Figures{}
	for n := range s.Shards {
		owner := s.owner(n)
		f.Shards = append(f.Shards, lease.Row{ShardID: shardID(n), Owner: owner, Counter: 17, Checkpoint: "4959"})
		figures[owner] = append(figures[owner], s.figures(n, second))
	}
	for w := range s.Workers {
		name := s.owner(w)
		report := fleet.NewReport("v1.2.0", time.Now().Add(-time.Duration(w+1)*time.Hour), time.Now(), figures[name])
		f.Workers = append(f.Workers, lease.WorkerRow{ID: name, Name: name, Heartbeat: uint64(second / 5), Duration: 10 * time.Second,
			Report: report.Encode(lease.ReportBytes)})
	}
	return f
}

func (s Scene) figures(n, second int) fleet.Figures {
	stored := (second + 7*n) % 60
	f := fleet.Figures{Shard: shardID(n), State: fleet.Reading, Rate: 40 + 10*math.Sin(float64(second)/30+float64(n)) + float64(n%7),
		Behind: 400 * time.Millisecond, Oldest: time.Duration(stored) * time.Second, Newest: time.Now().Add(-time.Duration(stored) * time.Second)}
	if n%97 == 40 {
		f.State, f.Rate, f.Behind, f.Oldest = fleet.CatchingUp, 180, time.Duration(48+n)*time.Second, time.Duration(55+n)*time.Second
	}
	if s.Blocked != nil && s.Blocked(n) && second > 150 {
		f.State, f.Reason, f.Rate = fleet.Blocked, stall.S3Denied, 0
		f.Behind, f.Oldest = time.Duration(second-140)*time.Second, time.Duration(second-100)*time.Second
	}
	return f
}

func (s Scene) own(second int, listed []fleet.Listed) fleet.Own {
	own := fleet.Own{Listed: listed, Retention: 24 * time.Hour}
	for n := 0; n < s.Shards; n += s.Workers {
		f := s.figures(n, second)
		o := fleet.OwnShard{ID: f.Shard, Records: uint64(second * 45), Behind: f.Behind, Oldest: f.Oldest}
		if f.State == fleet.Blocked {
			o.Records = 150 * 45
			o.Blocked = &fleet.Standstill{Reason: f.Reason, Since: time.Now().Add(-f.Behind), Error: "put object: https response error StatusCode: 403, AccessDenied"}
		}
		own.Shards = append(own.Shards, o)
	}
	return own
}

type table func() (lease.Fleet, error)

func (t table) Fleet(context.Context) (lease.Fleet, error) { return t() }

// View lets five minutes pass, in which somebody looks.
func (s Scene) View(t *testing.T) (v fleet.View) {
	synctest.Test(t, func(t *testing.T) {
		l := fleet.New(fleet.Config{Application: "callevents-consumer", Stream: "AForB_callevents", Worker: s.owner(0), Version: "v1.2.0", Started: time.Now()})
		second, listed := 0, s.listed()
		l.Watch(table(func() (lease.Fleet, error) {
			if s.Broken && second > 280 {
				return lease.Fleet{}, errors.New("ProvisionedThroughputExceededException")
			}
			return s.table(second), nil
		}))
		for ; second < 300; second += 5 {
			l.Sample(s.own(second, listed))
			if second%50 == 0 {
				l.Stored(fleet.Object{Key: "mandir-event-records/dt=2026-11-26/" + shardID(0) + "-after-49590338271490256608559692538361571095921575989136588898.ndjson.gz", Shard: shardID(0), Records: 2418, Bytes: 104_377})
			}
			l.View(t.Context())
			time.Sleep(5 * time.Second)
		}
		v = l.View(t.Context())
	})
	v.Region, v.StoredIn, v.Health, v.Ready = "eu-north-1", "s3://aforb-consumer-data/mandir-event-records/", "ok", "ok"
	v.DeadLetters = []fleet.Rejection{{Reason: "user_id_not_integer", Records: 2}, {Reason: "not_json", Records: 1}}
	return v
}
