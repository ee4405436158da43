package pipeline_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/tidwall/gjson"

	"example.com/callevents/consumer/memory"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
)

// found is what the objects have of one user record.
type found struct{ lines, rejects, suspected int }

func (f found) settled() int { return f.lines + f.rejects }

// check reads the objects as their users do.
func (w *world) check() error {
	links, err := w.links()
	if err != nil || w.bucket.harmed != nil {
		return errors.Join(err, w.bucket.harmed)
	}
	seen := make([]found, len(w.stream.users))
	for i, l := range links {
		if i > 0 && links[i-1].Shard == l.Shard && l.Place != links[i-1].Next() {
			return fmt.Errorf("chain broken between %s and %s", links[i-1].Key(), l.Key())
		}
		c, err := w.contents(l)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Key(), err)
		}
		for _, list := range [][]int{c.lines, c.rejects, c.suspected} {
			if err := w.inOrder(l, list); err != nil {
				return fmt.Errorf("%s: %w", l.Key(), err)
			}
		}
		for _, u := range c.lines {
			seen[u].lines++
		}
		for _, u := range c.rejects {
			seen[u].rejects++
		}
		for _, u := range c.suspected {
			seen[u].suspected++
		}
	}
	for i, u := range w.stream.users {
		if err := w.judge(u, seen[i]); err != nil {
			return fmt.Errorf("record %d, %v: %w", i+1, u.id, err)
		}
	}
	return nil
}

// judge says whether a user record is there as often as it must be. One without an identity is there as often as it was put. Of
// one with an identity exactly one copy is, but for a copy that came so late that the lane was forgotten. First sends are never
// dropped: each that is not kept is a suspected copy, beside one that is there.
func (w *world) judge(u user, there found) error {
	held := 0 // copies that nobody can have missed
	for _, c := range u.copies {
		if c.record >= w.streamOf(c.shard).trimmed {
			held++
		}
	}
	least, most := min(1, held), min(1, len(u.copies))
	if u.id.None() || u.late() {
		most = len(u.copies)
	}
	incomplete := u.rejected && held < len(u.copies) // retention took a copy, perhaps before its dead letter was restored
	switch {
	case u.id.None():
		least = held
	case incomplete:
		least = 0
	}
	if first := u.firstSends(); !u.id.None() && !u.late() && held == len(u.copies) && held > 0 {
		if !u.copies[0].again { // the first copy is the one that is kept
			first--
		}
		if there.suspected != first {
			return fmt.Errorf("suspected %d times, want %d; in the stream %+v", there.suspected, first, u.copies)
		}
	}
	switch n := there.settled(); {
	case n < least || n > most:
		return fmt.Errorf("there %d times, want %d to %d; in the stream %+v", n, least, most, u.copies)
	case there.suspected > 0 && (n == 0 && !incomplete || there.suspected > u.firstSends()):
		return fmt.Errorf("suspected %d times, there %d times; in the stream %+v", there.suspected, n, u.copies)
	}
	return nil
}

// late reports whether the copies lie so far apart that the first may be forgotten before the last.
func (u user) late() bool {
	byDay := func(a, b spot) int { return a.day - b.day }
	return len(u.copies) > 1 && slices.MaxFunc(u.copies, byDay).day-slices.MinFunc(u.copies, byDay).day > memory.Days
}

// firstSends counts the copies that are not marked.
func (u user) firstSends() (n int) {
	for _, c := range u.copies {
		if !c.again {
			n++
		}
	}
	return n
}

func (w *world) streamOf(shard int) *stream {
	if shard < len(w.past) {
		return &w.past[shard]
	}
	return &w.stream
}

// inOrder reports an error unless the stream has these user records in the link's range, one after the other.
func (w *world) inOrder(l warehouse.Link, users []int) error {
	at := spot{record: -1}
	for _, u := range users {
		i := slices.IndexFunc(w.stream.users[u].copies, func(c spot) bool {
			if shards[c.shard].ID != l.Shard || c.record < at.record || c.record == at.record && c.sub <= at.sub {
				return false
			}
			number := w.streamOf(c.shard).numbers[c.record]
			return !l.First.After(number) && !number.After(l.Last)
		})
		if i < 0 {
			return fmt.Errorf("record %d is not behind the one before it, between %s and %s", u+1, l.First, l.Last)
		}
		at = w.stream.users[u].copies[i]
	}
	return nil
}

// links returns the links in the order of the chains.
func (w *world) links() ([]warehouse.Link, error) {
	var links []warehouse.Link
	for key, object := range w.bucket.objects {
		i := slices.IndexFunc(locations, func(at warehouse.Location) bool { return strings.HasPrefix(key, at.Prefix) })
		if i < 0 {
			continue
		}
		l, err := warehouse.ReadLink(locations[i], key, object.metadata)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b warehouse.Link) int {
		return cmp.Or(strings.Compare(a.Shard, b.Shard), a.Previous.Compare(b.Previous), strings.Compare(a.Day, b.Day), strings.Compare(a.Key(), b.Key()))
	})
	return links, nil
}

// contents are the user records in a link and in its dead letters.
type contents struct{ lines, rejects, suspected []int }

// contents returns them, against the counts of the link.
func (w *world) contents(l warehouse.Link) (c contents, err error) {
	body := w.bucket.objects[l.Key()].body
	if l.Format == warehouse.NDJSONGzip {
		plain, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return c, err
		}
		if body, err = io.ReadAll(plain); err != nil {
			return c, err
		}
	}
	for line := range bytes.Lines(body) {
		u, err := w.user(line)
		if err != nil {
			return c, err
		}
		c.lines = append(c.lines, u)
	}
	if len(c.lines) != l.Records {
		return c, fmt.Errorf("%d lines, metadata says %d", len(c.lines), l.Records)
	}
	letters, there := w.bucket.objects[l.DeadLetters]
	trimmed := w.streamOf(indexOf(l.Shard)).trimmed > 0
	if there != (l.Rejected > 0) && !trimmed {
		return c, fmt.Errorf("%d rejected, dead letters: %t", l.Rejected, there)
	}
	for line := range bytes.Lines(letters.body) {
		var letter warehouse.DeadLetter
		if err := json.Unmarshal(line, &letter); err != nil {
			return c, err
		}
		u, err := w.user(letter.Data)
		switch {
		case err != nil:
			return c, err
		case letter.Reason == transform.SuspectedCopy:
			c.suspected = append(c.suspected, u)
		case !w.stream.users[u].rejected:
			return c, fmt.Errorf("dead letter of record %d", u+1)
		default:
			c.rejects = append(c.rejects, u)
		}
	}
	if n := len(c.rejects) + len(c.suspected); n != l.Rejected && !trimmed {
		return c, fmt.Errorf("%d dead letters, metadata says %d", n, l.Rejected)
	}
	return c, nil
}

// user returns which user record a line or the data of a dead letter is.
func (w *world) user(data []byte) (int, error) {
	id := gjson.GetBytes(data, "user.user_id")
	n, err := strconv.Atoi(strings.Trim(id.String(), "x"))
	if err != nil || n < 1 || n > len(w.stream.users) {
		return 0, fmt.Errorf("record %s never was", id)
	}
	return n - 1, nil
}
