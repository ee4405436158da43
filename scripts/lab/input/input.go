// Package input writes files for the producer's --input.
package input

import (
	"bufio"
	"errors"
	"os"
	"time"

	"example.com/callevents/producer/generate"
)

// Write writes generated events into a file, one a line. A seed repeats them, but for their times.
func Write(path string, seed uint64, events int) error {
	generator, err := generate.New(seed, time.Now)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	for line := []byte(nil); events > 0; events-- {
		line = append(generator.Append(line[:0]), '\n')
		_, _ = out.Write(line) // Flush tells the error
	}
	return errors.Join(out.Flush(), file.Close())
}
