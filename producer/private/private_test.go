package private_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/callevents/producer/private"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	folder := t.TempDir()
	old := filepath.Join(folder, "old")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, filepath.Join(folder, "new")} {
		file, err := private.Open(path, os.O_WRONLY|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := file.Stat(); err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALinkOfAnotherLeadsNowhere(t *testing.T) {
	folder := t.TempDir()
	victim, link := filepath.Join(folder, "victim"), filepath.Join(folder, "link")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{victim, filepath.Join(folder, "absent")} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if _, err := private.Open(link, os.O_WRONLY|os.O_CREATE|os.O_TRUNC); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("to %s: %v", target, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}
