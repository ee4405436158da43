package main

import (
	"context"
	"fmt"
	"os"

	"example.com/callevents/shared/httpserver"
)

// health asks the producer that runs in the same container for its health. The exit code is exitFailed if it is not
// healthy or does not answer.
func health(ctx context.Context, address string) int {
	if err := httpserver.Ask(ctx, address); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		return exitFailed
	}
	return exitDelivered
}
