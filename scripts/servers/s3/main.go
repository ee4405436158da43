// Command s3 runs the Versity S3 gateway over a directory: objects are plain files in it, a folder per bucket.
//
// It is a module of its own, so that the programs do not require what the gateway does. Credentials come from
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It prints "ready <address>" once it answers. It exits on SIGTERM or SIGINT,
// and when its standard input closes, so it never outlives the process that started it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "address to listen on")
	data := flag.String("data", "", "directory for the objects")
	sidecar := flag.String("sidecar", "", "directory for metadata where the file system has no user xattrs; not inside --data")
	region := flag.String("region", "eu-north-1", "region that requests are signed for")
	flag.Parse()
	if err := run(*addr, *data, *sidecar, *region); err != nil {
		fmt.Fprintln(os.Stderr, "s3:", err)
		os.Exit(1)
	}
}

func run(addr, data, sidecar, region string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	// The gateway waits for open connections when it shuts down; its clients may keep theirs for minutes.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, func() { os.Exit(0) }) })

	backend, err := newBackend(data, sidecar)
	if err != nil {
		return err
	}
	// The health path is this process's own, so another gateway on the same port is not mistaken for this one.
	health := fmt.Sprintf("/ready-%d", os.Getpid())
	go announce(ctx, addr, health)
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess:    os.Getenv("AWS_ACCESS_KEY_ID"),
		RootUserSecret:    os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Region:            region,
		Ports:             []string{addr},
		MaxConnections:    4096,
		MaxRequests:       1024,
		MultipartMaxParts: 10000,
		Quiet:             true,
		KeepAlive:         true,
		HealthPath:        health,
	})
}

// newBackend keeps objects as files under data, and their metadata in extended attributes, or under sidecar where
// the file system has none.
func newBackend(data, sidecar string) (*posix.Posix, error) {
	if data == "" {
		return nil, errors.New("--data is required: the directory for the objects")
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if (meta.XattrMeta{}).Test(data) == nil {
		return posix.New(data, meta.XattrMeta{}, posix.PosixOpts{})
	}
	if sidecar == "" {
		return nil, fmt.Errorf("%s is on a file system without user xattrs: give --sidecar", data)
	}
	sidecar, err := filepath.Abs(sidecar) // posix.New changes the working directory
	if err != nil {
		return nil, fmt.Errorf("find sidecar directory: %w", err)
	}
	if err := os.MkdirAll(sidecar, 0o755); err != nil {
		return nil, fmt.Errorf("make sidecar directory: %w", err)
	}
	store, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, fmt.Errorf("open sidecar directory: %w", err)
	}
	return posix.New(data, store, posix.PosixOpts{SideCarDir: sidecar})
}

// announce prints the address once the gateway answers there.
func announce(ctx context.Context, addr, health string) {
	for tick := time.Tick(10 * time.Millisecond); ctx.Err() == nil; <-tick {
		resp, err := get(ctx, "http://"+addr+health)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				fmt.Println("ready", addr)
				return
			}
		}
	}
}

func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
