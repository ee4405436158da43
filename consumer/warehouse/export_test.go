package warehouse

// Metadata is for tests.
func (l Link) Metadata() map[string]string { return l.metadata() }
