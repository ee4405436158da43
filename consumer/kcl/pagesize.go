package kcl

import "time"

const (
	// callTimeout bounds one call to Kinesis, the SDK's retries included.
	callTimeout = 10 * time.Second
	// longestCall is for one record of 10 MiB, in base64, at 80 kB/s.
	longestCall = 3 * time.Minute
	// pageBytes is what a page should hold. Kinesis returns up to 10,000 records or 10 MiB (API reference, GetRecords).
	// The limit follows the size of the records, since a page is held in memory for every shard.
	pageBytes   = 1 << 20
	pageRecords = 10_000
	firstPage   = 10 // records, before their size is known: 1 MiB if each has 100 KiB
	// smallestPage is what a page should hold at least, on the slowest line.
	smallestPage = 32 << 10
)

// pageSize is how much is asked for at once, and how long it may take.
type pageSize struct {
	bytes   int // that a page should hold: pageBytes, and less after time-outs
	records int // that are asked for: bytes by the size of the records that came last
	timeout time.Duration
}

func newPageSize() pageSize { return pageSize{pageBytes, firstPage, callTimeout} }

// full reports whether a page has all that was asked for, so that more may be there. It is asked before the page is
// noted by came.
func (s *pageSize) full(records, bytes int) bool { return records >= s.records || bytes >= s.bytes }

// came notes a page, and how long it took.
func (s *pageSize) came(records, bytes int, took time.Duration) {
	if took < callTimeout/4 {
		s.bytes, s.timeout = min(pageBytes, 2*s.bytes), callTimeout
	}
	if records > 0 {
		s.records = min(pageRecords, max(1, records*s.bytes/max(bytes, 1)))
	}
}

// timedOut notes a call that took too long. Less is asked for. One record alone gets more time: there is nothing less to
// ask for.
func (s *pageSize) timedOut() {
	if s.records == 1 {
		s.timeout = min(longestCall, 2*s.timeout)
		return
	}
	s.bytes, s.records = max(smallestPage, s.bytes/8), max(1, s.records/8)
}
