package journal

import (
	"example.com/callevents/producer/route"
	"example.com/callevents/shared/identity"
)

// rotations are in the order of their beginnings.
type rotations []route.Rotation

// at returns the rotation that routes the event at a place, as it is then.
func (r rotations) at(place uint64) route.Rotation {
	last := r[0]
	for _, rotation := range r {
		if rotation.Records <= place {
			last = rotation
		}
	}
	last = last.Clone()
	last.Skip(place - last.Records)
	return last
}

// next returns the identity of the event at a place. Each call is for the place after that of the last one.
func (r *rotations) next(place uint64) identity.ID {
	for len(*r) > 1 && (*r)[1].Records <= place {
		*r = (*r)[1:]
	}
	return (*r)[0].Next()
}

// from returns the rotations that route the events from a place on, the first one as it is there.
func (r rotations) from(place uint64) rotations {
	later := rotations{r.at(place)}
	for _, rotation := range r {
		if rotation.Records > place {
			later = append(later, rotation.Clone())
		}
	}
	return later
}
