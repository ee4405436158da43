package startup

import (
	"context"
	"errors"
)

// Step is one thing that a start makes sure of, in one attempt.
type Step struct {
	Name string // the permission that it needs, or the thing that it looks at
	Try  func(context.Context) error
}

// ErrNotTried is the error of a step that lacks what an earlier one should have found. It ends no start.
var ErrNotTried = errors.New("an earlier step did not find what this one needs")

// All returns what tries all steps in their order, and ends with the first error.
func All(steps []Step) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, step := range steps {
			if err := step.Try(ctx); err != nil && !errors.Is(err, ErrNotTried) {
				return err
			}
		}
		return nil
	}
}
