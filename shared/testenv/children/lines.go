package children

import "bytes"

// Lines passes on what a program writes, a whole line at a time and without its end. Not safe for concurrent use;
// [exec.Cmd] writes from one goroutine if it is both Stdout and Stderr.
type Lines struct {
	Each func(line string) error // an error ends the write
	rest []byte                  // begun, not ended
}

// Write implements [io.Writer].
func (l *Lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(b), nil
		}
		line := string(l.rest[:end])
		l.rest = l.rest[end+1:]
		if err := l.Each(line); err != nil {
			return 0, err
		}
	}
}
