package redrive_test

import (
	"testing"

	"example.com/callevents/consumer/redrive"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/hashkey"
	"example.com/callevents/shared/kpl"
)

// Each level reads all that is in it. So the work is bounded if the number of levels is: of a thousand containers, one in
// the other, two are taken off, and the rest is put as it is. Seen to fail: all thousand were taken off, and the time grew
// with the square of the size.
func TestContainersInContainersAreTakenApartTwoLevelsDeep(t *testing.T) {
	const levels = 1000
	inside := []byte("innermost")
	var sizes []int // of what lies within so many containers
	for range levels {
		sizes = append(sizes, len(inside))
		a := kpl.NewAggregator(10 << 20)
		if !a.Add("p", hashkey.Key{}, inside) {
			t.Fatal("no room")
		}
		inside = a.Flush(nil)
	}
	s := &stream{}
	sum, err := run(t, newBucket(t, map[string][]warehouse.DeadLetter{"dt=2026-11-24/x": {entry(transform.ContainerNested, string(inside))}}),
		s, redrive.Config{})
	if err != nil || sum.Put != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if want := sizes[levels-2]; len(s.taken[0].Data) != want {
		t.Errorf("%d bytes were put, want the %d that lie two levels deep", len(s.taken[0].Data), want)
	}
}
