package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/callevents/producer/private"
	"example.com/callevents/producer/pulse"
	"example.com/callevents/producer/source"
	"example.com/callevents/shared/wait"
)

// ErrInUse is the error of Open while another process has the journal.
var ErrInUse = errors.New("another producer is at work with it")

// state is what a journal says.
type state struct {
	begin     begin
	rotations rotations
	read      read
	done      done
}

// Open opens the journal of an input, and creates it if it is absent. It checks that the input begins with what was read
// before, which takes a second per gigabyte or so, and positions it where it is to be read on. It is an error if another process has
// the journal, if it is damaged, and if the input is another one or was changed, except at its end.
func Open(ctx context.Context, path string, input *os.File) (*Journal, error) {
	file, err := private.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{file: file, input: input, pulse: pulse.New("journal"), digest: sha256.New()}
	err = lock(file)
	if err == nil { // before, the last line may be one that its owner is writing
		err = j.load(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}

func (j *Journal) load(ctx context.Context) error {
	text, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if err := j.former.parse(text[:whole]); err != nil {
		return err
	}
	if err := j.checkInput(ctx); err != nil {
		return err
	}
	if whole < len(text) { // a crash has cut the last line
		if err := j.file.Truncate(int64(whole)); err != nil {
			return err
		}
	}
	former := &j.former
	j.settled, j.noted = newSettled(former.done.Events), former.done
	j.boundaries = []source.Position{former.done.From}
	if len(former.rotations) > 0 {
		j.replay = former.rotations.from(former.done.Events)
	}
	_, err = j.input.Seek(former.done.From.Bytes, io.SeekStart)
	return err
}

func (s *state) parse(text []byte) error {
	number := 0
	for one := range bytes.Lines(text) {
		number++
		var l line
		if err := json.Unmarshal(one, &l); err != nil {
			return fmt.Errorf("line %d is damaged (%w): without the journal the input can only be put as a new one, with copies of what is in the stream", number, err)
		}
		switch {
		case l.Begin != nil:
			s.begin = *l.Begin
		case l.Rotation != nil:
			s.rotations = append(s.rotations, *l.Rotation)
		case l.Read != nil:
			s.read = *l.Read
		case l.Done != nil:
			s.done = *l.Done
		}
	}
	if number > 0 && s.begin.Version != version {
		return errors.New("it is no journal, or that of another version of the producer")
	}
	return nil
}

// checkInput checks that the input begins with what was read of it before.
func (j *Journal) checkInput(ctx context.Context) error {
	info, err := j.input.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("the input is no file: a journal needs one that can be read again")
	}
	before := j.former.read
	if before.Bytes == 0 {
		return nil
	}
	changed := func(how string) error {
		return fmt.Errorf("%s is not the input of this journal, or was changed: %s; only what was not read may change, after %d bytes", j.input.Name(), how, before.Bytes)
	}
	if info.Size() < before.Bytes {
		return changed(fmt.Sprintf("it has %d bytes", info.Size()))
	}
	const step = 64 << 20
	for j.hashed < before.Bytes {
		if err := errors.Join(ctx.Err(), j.hashTo(min(before.Bytes, j.hashed+step))); err != nil {
			return err
		}
	}
	if hex.EncodeToString(j.digest.Sum(nil)) != before.SHA256 {
		return changed("its content differs")
	}
	last := make([]byte, 1)
	if _, err := j.input.ReadAt(last, before.Bytes-1); err != nil {
		return err
	}
	if last[0] != '\n' && info.Size() > before.Bytes {
		return changed(fmt.Sprintf("line %d was read without its end, and goes on now", before.Lines))
	}
	return nil
}

// noteEvery is how often Run notes what is settled.
const noteEvery = time.Second

// Run notes what is settled until ctx ends.
func (j *Journal) Run(ctx context.Context) {
	for wait.For(ctx, noteEvery) == nil {
		_ = j.note() // Read tells the error
	}
}

// Close notes what is settled and gives the journal to the next producer. Run must have ended.
func (j *Journal) Close() error {
	err := j.note()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failure = errors.New("the journal is closed")
	return errors.Join(err, j.file.Sync(), j.file.Close())
}

// note writes what is settled. If a crash loses it, more is put again.
func (j *Journal) note() error {
	first := j.settled.first()
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.boundaries) > 1 && j.boundaries[1].Events <= first {
		j.boundaries = j.boundaries[1:]
	}
	now := done{Events: first, From: j.boundaries[0]}
	if now == j.noted {
		return nil
	}
	j.noted = now
	return j.write(line{Done: &now})
}
