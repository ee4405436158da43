package fleet

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/callevents/consumer/stall"
)

// The text of a report, as it stands in the lease table:
//
//	1 v1.2.0 from=1764165600 at=1764169200 held=5 rate=232 behind=312 oldest=371|s3_denied 4,0,312,371,370|reading 1,52,0.4,9,31
//
// The number of the format comes first. Then come the version of the program, start and time of writing in seconds since
// 1970, and figures of all shards. Then come the shards, grouped by state, or by reason if they are blocked: number, records a
// second, seconds behind, age of the oldest record that is not in S3, age of the newest object. Zeros at the end are left
// out; an object's age is one more than it is, so that 0 stands for none.
const (
	format     = "1"
	shardID    = "shardId-"
	idDigits   = 12
	maxVersion = 24 // bytes
	maxText    = 4096
	maxSeconds = 100 * 365 * 24 * 3600 // more is no figure
)

// Encode returns the report as text of at most limit bytes: all totals, and the shards that fit, the worst first. A shard
// whose ID is no number is in the totals alone.
func (r Report) Encode(limit int) []byte {
	text := fmt.Appendf(nil, "%s %s from=%d at=%d held=%d rate=%s behind=%s oldest=%s", format, plain(r.Version), r.Started.Unix(),
		r.Written.Unix(), r.Held, number(r.Rate), number(r.Behind.Seconds()), number(r.Oldest.Seconds()))
	if len(text) > limit {
		return nil
	}
	group := ""
	for _, s := range r.Shards {
		entry := s.entry(r.Written)
		if entry == "" {
			continue
		}
		entry = " " + entry
		if s.group() != group {
			entry = "|" + s.group() + entry
		}
		if len(text)+len(entry) > limit {
			break
		}
		text, group = append(text, entry...), s.group()
	}
	return text
}

func (f Figures) group() string {
	if f.State == Blocked {
		return string(f.Reason)
	}
	return string(f.State)
}

// entry returns the shard's part, "" if its ID has no number.
func (f Figures) entry(now time.Time) string {
	n, ok := shardNumber(f.Shard)
	if !ok {
		return ""
	}
	stored := 0.0
	if !f.Newest.IsZero() {
		stored = 1 + math.Floor(max(0, now.Sub(f.Newest).Seconds()))
	}
	parts := []string{n, number(f.Rate), number(f.Behind.Seconds()), number(math.Round(f.Oldest.Seconds())), number(stored)}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ",")
}

// shardNumber returns the digits of a shard ID without leading zeros.
func shardNumber(id string) (digits string, ok bool) {
	digits, ok = strings.CutPrefix(id, shardID)
	if !ok || len(digits) != idDigits || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return strings.TrimLeft(digits[:idDigits-1], "0") + digits[idDigits-1:], true
}

// number writes a figure with one decimal below 10, and none above.
func number(f float64) string {
	switch {
	case math.IsNaN(f) || f < 0:
		return "0"
	case f < 9.95:
		return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Min(math.Round(f), maxSeconds), 'f', 0, 64)
}

// plain returns a version without what separates the parts of a report.
func plain(version string) string {
	version = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '|' || r == '=' {
			return -1
		}
		return r
	}, version)
	if version == "" {
		return "-"
	}
	return version[:min(len(version), maxVersion)]
}

// Decode reads a report. ok is false if it is none, or one of a format that this version does not know: it is then not
// readable, which is no error. What is damaged in it, or not known, is passed over.
func Decode(text []byte) (r Report, ok bool) {
	if len(text) > maxText {
		return Report{}, false
	}
	groups := strings.Split(string(text), "|")
	head := strings.Fields(groups[0])
	if len(head) < 2 || head[0] != format {
		return Report{}, false
	}
	r.Version = plain(head[1])
	for _, field := range head[2:] {
		name, value, _ := strings.Cut(field, "=")
		r.set(name, figure(value))
	}
	for _, group := range groups[1:] {
		r.Shards = append(r.Shards, decodeGroup(group, r.Written)...)
	}
	return r, true
}

func (r *Report) set(name string, value float64) {
	switch name {
	case "from":
		r.Started = time.Unix(int64(value), 0)
	case "at":
		r.Written = time.Unix(int64(value), 0)
	case "held":
		r.Held = int(value)
	case "rate":
		r.Rate = value
	case "behind":
		r.Behind = seconds(value)
	case "oldest":
		r.Oldest = seconds(value)
	}
}

func decodeGroup(group string, written time.Time) (shards []Figures) {
	words := strings.Fields(group)
	if len(words) == 0 {
		return nil
	}
	state, reason := State(words[0]), stall.Reason("")
	if !slices.Contains([]State{Reading, CatchingUp, Stalled}, state) {
		state, reason = Blocked, stall.Reason(plain(words[0])) // also one that a later version knows
	}
	for _, word := range words[1:] {
		parts := append(strings.Split(word, ","), "", "", "", "")
		n, err := strconv.ParseUint(parts[0], 10, 39)
		if err != nil {
			continue
		}
		f := Figures{Shard: fmt.Sprintf("%s%0*d", shardID, idDigits, n), State: state, Reason: reason, Rate: figure(parts[1]),
			Behind: seconds(figure(parts[2])), Oldest: seconds(figure(parts[3]))}
		if stored := figure(parts[4]); stored > 0 {
			f.Newest = written.Add(-seconds(stored - 1))
		}
		shards = append(shards, f)
	}
	return shards
}

// figure reads a number from 0 to maxSeconds; anything else is 0.
func figure(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f <= maxSeconds) {
		return 0
	}
	return f
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
