package httpserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// askTimeout is shorter than what a container runtime allows a health check, 5 s where we set it.
const askTimeout = 4 * time.Second

// Ask asks the program that serves at address, as in [Listen], for /healthz, and returns nil if it answers 200. It is
// for the health check of a container that has neither a shell nor curl. It asks once, for 4 s at most.
func Ask(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("HTTP address %q: name the one that the program serves at, host:port or :port", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// An address that stands for all of this machine, as 0.0.0.0, is this machine to a client (package net, Dial).
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reason, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	return fmt.Errorf("not healthy: %s", strings.TrimSpace(string(reason)))
}
