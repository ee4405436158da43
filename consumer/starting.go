package main

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/shared/startup"
)

// starting is a start under way: all its waits together take no longer than --start-timeout.
type starting struct {
	log   *logrus.Entry
	until time.Time
}

// wait is [startup.Wait].
func (s starting) wait(ctx context.Context, what string, step func(context.Context) error) error {
	return startup.Wait(ctx, s.log, what, time.Until(s.until), step)
}

// await is wait for a step with a result.
func await[T any](ctx context.Context, s starting, what string, step func(context.Context) (T, error)) (result T, err error) {
	err = s.wait(ctx, what, func(ctx context.Context) (err error) {
		result, err = step(ctx)
		return err
	})
	return result, err
}
