package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/callevents/shared/event"
	"example.com/callevents/shared/sequence"
)

// The stock consumer's objects are no chain, so consumer verify cannot read them. The count here is the same: in how many
// lines is each call_id of the ledger?

// stockKey is the name of one of its objects.
var stockKey = regexp.MustCompile(`(shardId-\d+)-from-(\d+)-to-(\d+)\.ndjson\.gz$`)

// stockLast returns the last sequence number in an object; zero if the name is not of the stock consumer.
func stockLast(name string) sequence.Number {
	m := stockKey.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	last, _ := sequence.Parse(m[3])
	return last
}

// verifyStock reads the objects in the order of their first sequence numbers, where the S3 server keeps them.
func (c *chaos) verifyStock() (r report, err error) {
	put, err := c.readStockLedger(&r)
	if err != nil {
		return r, err
	}
	objects, err := filepath.Glob(filepath.Join(c.services.objects(), "dt=*", "*.ndjson.gz"))
	if err != nil {
		return r, err
	}
	slices.Sort(objects)
	r.Objects, r.Faults = len(objects), map[string]int{"lost": 0, "duplicates": 0, "out_of_order": 0}
	copies, last := map[string]int{}, map[string]sequence.Number{}
	for _, name := range objects {
		calls, err := readCalls(name)
		if err != nil {
			return r, err
		}
		shard := shardID.FindString(filepath.Base(name))
		for _, call := range calls {
			r.Records++
			copies[call]++
			switch at := put[call]; {
			case copies[call] > at.mayBe:
				r.Faults["duplicates"]++
			case copies[call] > 1:
				r.Resent++
			case at.mayBe > 1: // nobody knows which of the copies it is
			case last[shard].After(at.number):
				r.Faults["out_of_order"]++
			default:
				last[shard] = at.number
			}
		}
	}
	for call := range put {
		if copies[call] == 0 {
			r.Faults["lost"]++
		}
	}
	return r, nil
}

// stockRecord is a call_id of the ledger: where it is, and how many records with it the producer can have put.
type stockRecord struct {
	number sequence.Number
	mayBe  int
}

func (c *chaos) readStockLedger(r *report) (map[string]stockRecord, error) {
	file, err := os.Open(c.producer.ledger)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	put := map[string]stockRecord{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ",")
		if len(fields) < 3 {
			continue
		}
		at := stockRecord{number: sequence.Number(fields[2]), mayBe: put[fields[0]].mayBe + 1}
		if len(fields) > 3 {
			unknown, err := strconv.Atoi(fields[3])
			if err != nil {
				return nil, fmt.Errorf("read ledger: %w", err)
			}
			at.mayBe += unknown
		}
		put[fields[0]] = at
		r.Ledger++
	}
	return put, lines.Err()
}

func readCalls(name string) (calls []string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		e, err := event.Parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		calls = append(calls, e.CallID)
	}
	return calls, lines.Err()
}
