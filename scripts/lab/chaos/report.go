package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what consumer verify prints as JSON.
type report struct {
	Objects     int            `json:"objects"`
	Records     int            `json:"records"`
	DeadLetters int            `json:"dead_letters"`
	Resent      int            `json:"resent"`
	Dropped     int            `json:"copies_dropped"`
	Suspected   int            `json:"suspected_copies"`
	Ledger      int            `json:"ledger_records"`
	NotInLedger int            `json:"not_in_ledger"`
	Compared    int            `json:"links_compared"`
	Uncompared  int            `json:"links_uncompared"`
	Faults      map[string]int `json:"faults"`
	Verdict     string         `json:"verdict"`
	Details     []string       `json:"details"`
}

// verify runs consumer verify as a user does.
func (c *chaos) verify(ctx context.Context, binary string) (r report, err error) {
	cmd := exec.CommandContext(ctx, binary, "verify", "--bucket", bucket, "--prefix", prefix, "--errors-prefix", errorsPrefix,
		"--app", leaseTable, "--ledger", c.producer.ledger, "--stream", stream, "--json")
	cmd.Env = c.services.Endpoints().Environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 2) { // 1: something is wrong, 2: not everything was checked
		return r, fmt.Errorf("verify: %w: %s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("read report of the verification: %w", err)
	}
	return r, nil
}

// print prints the tables and the verdict. ok: nothing is wrong.
func (c *chaos) print(out io.Writer, r report) (ok bool) {
	fmt.Fprintf(out, "\nseed %d, %.1f minutes\n\n", c.cfg.Seed, time.Since(c.began).Minutes())
	c.printKinds(out)
	rows := []struct {
		text  string
		value any
	}{
		{"faults", sum(c.injected)}, {"records in the ledger", r.Ledger}, {"records warehoused", r.Records},
		{"dead letters", r.DeadLetters}, {"verdict", r.Verdict}, {"objects", r.Objects}, {"adopted links", c.logs.adopted},
		{"leases lost to a fenced write", c.logs.fenced}, {"dead letters restored", c.logs.restored},
		{"links compared with the stream", r.Compared}, {"links that the stream does not hold any more", r.Uncompared},
		{"stored more than once, as the producer sent it", r.Resent}, {"not in the ledger", r.NotInLedger},
		{"copies that the stream has and no object", r.Dropped}, {"suspected copies among the dead letters", r.Suspected},
		{"consumers that ended by themselves", len(c.exits)},
		{"lost", r.Faults["lost"]}, {"duplicated", r.Faults["duplicates"]}, {"out of order", r.Faults["out_of_order"]},
		{"other faults of the warehouse", sum(r.Faults) - r.Faults["lost"] - r.Faults["duplicates"] - r.Faults["out_of_order"]},
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(table, "%s\t%v\n", row.text, row.value)
	}
	table.Flush()
	c.printList(out, "verification", r.Details)
	c.printList(out, "lines that must not be in a log", c.logs.bad)
	c.printList(out, "wrong", c.wrong)
	for text, n := range c.logs.errors {
		fmt.Fprintf(out, "logged at level error, %d times: %s\n", n, text)
	}
	ok = sum(r.Faults) == 0 && r.Verdict != "faulty" && len(c.wrong) == 0 && len(c.logs.bad) == 0
	if !c.cfg.NoIdentity && !c.cfg.Stock {
		ok = ok && r.Resent == 0 && r.NotInLedger == 0 // the producer's own attempts, too, come to one
	}
	verdict := "all is well"
	if !ok {
		verdict = "something is off, see above"
	}
	fmt.Fprintf(out, "\n%s (seed %d)\n", verdict, c.cfg.Seed)
	return ok
}

// printKinds prints how often each kind of fault came, and how long until every shard made progress again.
func (c *chaos) printKinds(out io.Writer) {
	type times struct{ alone, overlapping []time.Duration }
	byKind := map[string]*times{}
	for kind := range c.injected {
		byKind[kind] = &times{}
	}
	for _, m := range c.watch.measured {
		t := byKind[m.kind]
		if t == nil {
			t = &times{}
			byKind[m.kind] = t
		}
		if m.overlapping {
			t.overlapping = append(t.overlapping, m.took)
		} else {
			t.alone = append(t.alone, m.took)
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "fault\ttimes\trecovery alone: median\tworst\tamong others: worst")
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		t := byKind[kind]
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", kind, c.injected[kind], seconds(median(t.alone)), seconds(worst(t.alone)), seconds(worst(t.overlapping)))
	}
	table.Flush()
	for _, kind := range slices.Sorted(maps.Keys(c.skipped)) {
		if c.injected[kind] == 0 {
			fmt.Fprintf(out, "%s never came: %s\n", kind, c.skipped[kind])
		}
	}
	fmt.Fprintln(out)
}

func (c *chaos) printList(out io.Writer, title string, list []string) {
	const most = 20
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n  %s\n", title, strings.Join(list[:min(most, len(list))], "\n  "))
	if len(list) > most {
		fmt.Fprintf(out, "  and %d more\n", len(list)-most)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.SortFunc(times, cmp.Compare)
	return times[len(times)/2]
}

func worst(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return slices.Max(times)
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
