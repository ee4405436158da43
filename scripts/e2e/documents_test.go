package e2e_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	namedTest   = regexp.MustCompile("`([a-z0-9]+)\\.(Test[A-Za-z0-9]+)`")
	declared    = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	packageName = regexp.MustCompile(`(?m)^package ([a-z0-9]+)`)
)

// The documents name tests that show what they promise. Each must exist in the package that they name. A main package
// goes by the name of its folder.
func TestTheTestsThatTheDocumentsNameExist(t *testing.T) {
	tests, named := map[string]bool{}, 0
	each(t, "_test.go", func(file, text string) {
		name := strings.TrimSuffix(packageName.FindStringSubmatch(text)[1], "_test")
		if name == "main" {
			name = path.Base(path.Dir(file))
		}
		for _, test := range declared.FindAllStringSubmatch(text, -1) {
			tests[name+"."+test[1]] = true
		}
	})
	each(t, ".md", func(file, text string) {
		for _, test := range namedTest.FindAllStringSubmatch(text, -1) {
			named++
			if !tests[test[1]+"."+test[2]] {
				t.Errorf("%s names %s.%s, which is not there", file, test[1], test[2])
			}
		}
	})
	if named < 20 {
		t.Errorf("only %d tests are named: are the documents still read?", named)
	}
}

// The README is read in five minutes, also in a terminal.
func TestTheReadmeStaysShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) > 150 {
		t.Errorf("the README has %d lines, want 150 at most", len(lines))
	}
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("line %d of the README has %d columns, want 100 at most", i+1, n)
		}
	}
}

// each calls with for the files of the repository whose names end so.
func each(t *testing.T, ending string, with func(file, text string)) {
	t.Helper()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "data" || len(entry.Name()) > 1 && entry.Name()[0] == '.') {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(file, ending) {
			return err
		}
		text, err := fs.ReadFile(root, file)
		with(file, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
