package journal

// Note is what Run does each second.
func (j *Journal) Note() error { return j.note() }

// Abandon gives up the lock, as the end of the process does.
func (j *Journal) Abandon() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.file.Close()
}
