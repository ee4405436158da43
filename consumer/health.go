package main

import (
	"context"
	"fmt"
	"io"

	"example.com/callevents/shared/httpserver"
)

// healthConfig says whom to ask.
type healthConfig struct {
	HTTP string `name:"http" placeholder:"HOST:PORT" help:"Address of the consumer, as its own --http."`
}

// health asks the consumer that runs in the same container for its health. The exit code is 0 if it is healthy, 1 if it
// is not or does not answer, and 2 if the flags are wrong.
func health(ctx context.Context, args []string, errOut io.Writer) (exitCode int) {
	var c healthConfig
	if _, err := program().Parse("health", &c, args); err != nil {
		fmt.Fprintf(errOut, "health: %v\n", err)
		return 2
	}
	if err := httpserver.Ask(ctx, c.HTTP); err != nil {
		fmt.Fprintf(errOut, "health: %v\n", err)
		return 1
	}
	return 0
}
