package pulse_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/callevents/producer/pulse"
)

func TestALoopIsStuckOnceItsBeatIsOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pulse.New("sender")
		time.Sleep(time.Hour)
		if err := p.Err(); err != nil {
			t.Errorf("before the first beat: %v", err)
		}
		p.Beat(10 * time.Second)
		time.Sleep(10*time.Second + pulse.Limit)
		if err := p.Err(); err != nil {
			t.Errorf("late, and not too late: %v", err)
		}
		time.Sleep(time.Second)
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), "the sender stands still") {
			t.Errorf("too late: %v", err)
		}
		p.Rest()
		if err := p.Err(); err != nil {
			t.Errorf("at rest: %v", err)
		}
	})
}
