package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"example.com/callevents/shared/testenv/servers"
)

// startServices starts the three servers, with their state and what they print in the data directory.
func startServices(ctx context.Context, cfg Config) (*servers.Set, error) {
	set, err := servers.StartSet(ctx, bucket, func(kind servers.Kind) (opts servers.Options, err error) {
		opts = servers.Options{Root: cfg.root, Dir: filepath.Join(cfg.Data, string(kind))}
		if opts.Output, err = os.OpenFile(opts.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			err = fmt.Errorf("open server log: %w", err)
		}
		return opts, err
	})
	if err != nil {
		return nil, fmt.Errorf("%w (see the logs in %s)", err, cfg.Data)
	}
	if err := writeVariables(cfg.Data, set.Endpoints()); err != nil {
		set.Stop()
		return nil, err
	}
	return set, nil
}

// variables is the path of a file for other shells: any AWS program that is started after it looks at the servers.
func variables(dir string) string { return filepath.Join(dir, "aws.sh") }

func writeVariables(dir string, at servers.Endpoints) error {
	var lines strings.Builder
	for _, variable := range at.Variables() {
		fmt.Fprintf(&lines, "export %s\n", variable)
	}
	if err := os.WriteFile(variables(dir), []byte(lines.String()), 0o644); err != nil {
		return fmt.Errorf("write variables: %w", err)
	}
	return nil
}

// lock keeps a second run away from the directory. The kernel gives the lock back when the process ends.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another run uses %s: stop it, or give --data another directory", dir)
	}
	return func() { f.Close() }, nil
}
