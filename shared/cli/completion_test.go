package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// completion writes the script for a shell into a file, and returns its path. Without the shell the test is skipped.
func completion(t *testing.T, shell string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed", shell)
	}
	var out, errOut bytes.Buffer
	if exitCode, mine := pump().Completion([]string{"completion", shell}, &out, &errOut); !mine || exitCode != 0 || errOut.Len() > 0 {
		t.Fatalf("ended with %d: %s", exitCode, &errOut)
	}
	path := filepath.Join(t.TempDir(), "_pump")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// said runs a shell and returns the words that it prints.
func said(t *testing.T, shell string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, args...)
	cmd.Dir = t.TempDir()
	for _, name := range []string{"ledger.csv", "--odd"} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

func TestBashCompletes(t *testing.T) {
	script := completion(t, "bash")
	for words, want := range map[string]string{
		"pump d":                       "drain",
		"pump --c":                     "--count --create --config",
		"pump --no":                    "--no-create",
		"pump --dryness --st":          "--stream",
		"pump drain --pr":              "--prefix",
		"pump drain --cr":              "", // of the other command
		"pump drain --shape r":         "round",
		"pump drain --shape =":         "round square",
		"pump drain --ledger l":        "ledger.csv",
		"pump drain --ledger = l":      "ledger.csv", // bash splits at the equals sign
		"pump completion f":            "fish",
		"pump drain --ledger x --stre": "--stream",
	} {
		got := said(t, "bash", "--norc", "-c", `source "$1"; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			complete -p pump >/dev/null && { _pump; echo "${COMPREPLY[@]}"; }`, "bash", script, words)
		if got != want {
			t.Errorf("%q: completed %q, want %q", words, got, want)
		}
	}
}

func TestFishCompletes(t *testing.T) {
	script := completion(t, "fish")
	for words, want := range map[string]string{
		"pump dr":               "drain",
		"pump drain --pr":       "--prefix",
		"pump drain --cr":       "",
		"pump drain --shape sq": "square",
		"pump --cou":            "--count",
		"pump completion f":     "fish",
		"pump drain --ledger l": "ledger.csv",
	} {
		got := said(t, "fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''; true`, script, words)
		if got != want {
			t.Errorf("%q: completed %q, want %q", words, got, want)
		}
	}
}

// zsh completes on a terminal only. Its module zpty is one; it gets 20 s to show the line.
func TestZshCompletes(t *testing.T) {
	script := completion(t, "zsh")
	for words, want := range map[string]string{
		"pump drai": "pump drain", "pump drain --led": "pump drain --ledger=", "pump --dryn": "pump --dryness", "pump completion fi": "pump completion fish",
		"pump drain --shape sq": "pump drain --shape square",
	} {
		shown := said(t, "zsh", "-f", "-c", `export TERM=dumb; zmodload zsh/zpty; zpty z zsh -f -i
			zpty -w z "PS1=; autoload -Uz compinit; compinit -D -u; source $1; bindkey '^I' complete-word"
			zpty -w -n z "$2"$'\t'
			for i in {1..200}; do zpty -r -t z part && out+=$part; [[ $out == *"$3"* ]] && break; sleep 0.1; done
			zpty -d z; print -r -- "$out"`, "zsh", script, words, want)
		if !strings.Contains(shown, want) {
			t.Errorf("%q: shown %q, want %q", words, shown, want)
		}
	}
}

func TestAnUnknownShellIsAnError(t *testing.T) {
	var out, errOut bytes.Buffer
	if exitCode, mine := pump().Completion([]string{"completion", "tcsh"}, &out, &errOut); !mine || exitCode != 2 || out.Len() > 0 || !strings.Contains(errOut.String(), "use bash, zsh or fish") {
		t.Errorf("ended with %d: %s%s", exitCode, &out, &errOut)
	}
	if _, mine := pump().Completion([]string{"drain"}, &out, &errOut); mine {
		t.Error("took another command for its own")
	}
}
