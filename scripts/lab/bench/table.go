package main

import (
	"fmt"
	"os"
	"strings"
)

// table is printed as Markdown, for the documents.
type table struct{ rows [][]string }

func newTable(heads ...string) *table {
	t := &table{}
	t.add(heads...)
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print() {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for i, row := range t.rows {
		t.line(row, widths, " ")
		if i == 0 {
			t.line(make([]string, len(row)), widths, "-")
		}
	}
	fmt.Println()
}

func (t *table) line(row []string, widths []int, fill string) {
	for i, cell := range row {
		fmt.Fprint(os.Stdout, "|", fill, cell, strings.Repeat(fill, widths[i]-len(cell)), fill)
	}
	fmt.Println("|")
}
