package units

import (
	"fmt"
	"time"
)

// Ago writes a duration for people, in its two largest units: 0.4 s, 12 s, 6 min 11 s, 23 h 54 min, 6 d 2 h.
func Ago(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < 50*time.Millisecond:
		return "0 s"
	case s < 10:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 100:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}
