package children_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
)

func TestMain(m *testing.M) {
	if os.Getenv("CHILDREN_PARENT") != "" {
		parent()
	}
	os.Exit(m.Run())
}

func parent() {
	c, err := children.Start(exec.Command("sleep", "600"))
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Pid())
	select {}
}

func TestChildEndsWithAParentThatWasKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent was killed")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHILDREN_PARENT=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("child %d: %v", pid, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	testenv.Eventually(t, "the child runs on", func() bool { return gone(pid) })
}

// gone also takes a zombie for gone: its new parent may be slow to collect it.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestStopIsPatientUpToTheGracePeriod(t *testing.T) {
	for script, want := range map[string]string{
		`trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done`: "exit status 7",
		`trap '' TERM; echo up; while :; do sleep 0.01; done`:       "signal: killed",
	} {
		up, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", script)
		cmd.Stdout = w
		c, err := children.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, err := bufio.NewReader(up).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := c.Stop(time.Second); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
	}
}

func TestStartReportsAMissingProgram(t *testing.T) {
	if _, err := children.Start(exec.Command("no-such-program")); err == nil {
		t.Error("no error")
	}
}

func TestLinesArePassedOnWhole(t *testing.T) {
	var got []string
	l := &children.Lines{Each: func(line string) error { got = append(got, line); return nil }}
	for _, piece := range []string{"a", "b\nc\n\n", "", "d", "\ne"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("write %q: %d, %v", piece, n, err)
		}
	}
	if want := []string{"ab", "c", "", "d"}; !slices.Equal(got, want) {
		t.Fatalf("lines %q, want %q", got, want)
	}
}
