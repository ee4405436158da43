package lease_test

import (
	"math"
	"time"

	"example.com/callevents/consumer/lease"
)

// usage counts DynamoDB's units by second: a write of up to 1 KB, of the larger of the two states; a read of up to 4 KB, half
// of that if it need not be consistent. A write that is refused counts as well. (DynamoDB developer guide, capacity modes.)
type usage struct {
	began         time.Time
	reads, writes map[int]float64
}

func newUsage() usage {
	return usage{began: time.Now(), reads: map[int]float64{}, writes: map[int]float64{}}
}

func (u usage) second() int { return int(time.Since(u.began) / time.Second) }

func (u usage) read(item lease.Item, consistent bool) {
	units := max(1, math.Ceil(sizeOf(item)/4096))
	if !consistent {
		units /= 2
	}
	u.reads[u.second()] += units
}

func (u usage) scan(items []lease.Item) {
	sum := 0.0
	for _, item := range items {
		sum += sizeOf(item)
	}
	u.reads[u.second()] += max(1, math.Ceil(sum/4096))
}

// write counts a state; the second one, of the same write, only for what it is larger.
func (u usage) write(item lease.Item, counted ...lease.Item) {
	units := max(1, math.Ceil(sizeOf(item)/1024))
	for _, c := range counted {
		units = max(0, units-max(1, math.Ceil(sizeOf(c)/1024)))
	}
	u.writes[u.second()] += units
}

func sizeOf(item lease.Item) (sum float64) {
	for name, value := range item {
		sum += float64(len(name))
		switch v := value.(type) {
		case string:
			sum += float64(len(v))
		case []byte:
			sum += float64(len(v))
		case []string:
			for _, s := range v {
				sum += float64(len(s))
			}
		case int64:
			sum += 8
		}
	}
	return sum
}

// between returns the mean and the peak of the units a second in a time.
func between(units map[int]float64, from, to int) (mean, peak float64) {
	for second := from; second < to; second++ {
		mean += units[second] / float64(to-from)
		peak = max(peak, units[second])
	}
	return mean, peak
}
