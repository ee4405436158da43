package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mount mounts a file system of so many bytes, in memory.
func mount(dir string, bytes int64) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes))
}

// processesIn lists the other processes that name dir in their arguments or their environment.
func processesIn(dir string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		proc := filepath.Dir(file)
		if filepath.Base(proc) == fmt.Sprint(os.Getpid()) {
			continue
		}
		args, _ := os.ReadFile(file)
		env, _ := os.ReadFile(filepath.Join(proc, "environ"))
		if bytes.Contains(args, []byte(dir)) || bytes.Contains(env, []byte(dir)) {
			found = append(found, filepath.Base(proc)+" "+string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
		}
	}
	return found
}
