package programs

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestPrograms(t *testing.T) {
	built, err := Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("what they do not take is found", func(t *testing.T) { testProblems(t, built) })
	t.Run("their grace follows the lease duration", func(t *testing.T) { testGrace(t, built) })
	t.Run("health is that of the running program", func(t *testing.T) { testHealth(t, built) })
}

func testProblems(t *testing.T, built map[string]Program) {
	consumer := []string{"/usr/local/bin/consumer"}
	for name, is := range map[string]struct {
		command []string
		env     map[string]string
		want    string
	}{
		"all is well":   {consumer, map[string]string{"CALLEVENTS_APP": "another"}, ""},
		"a variable":    {consumer, map[string]string{"CALLEVENTS_BUKET": "x"}, "CALLEVENTS_BUKET"},
		"another's":     {consumer, map[string]string{"CALLEVENTS_RATE": "1"}, "CALLEVENTS_RATE"},
		"a value":       {consumer, map[string]string{"CALLEVENTS_LOG_FORMAT": "xml"}, "text or json"},
		"a flag":        {append(consumer, "--buket=x"), nil, "--buket"},
		"a shell":       {[]string{"/bin/sh", "-c", "consumer"}, nil, "the image has only"},
		"no program":    {[]string{"/usr/local/bin/consume"}, nil, "none of the programs"},
		"of a producer": {[]string{"/usr/local/bin/producer"}, map[string]string{"CALLEVENTS_RATE": "fast"}, "fast"},
	} {
		got := strings.Join(Problems(built, is.command, is.env), "\n")
		if (got == "") != (is.want == "") || !strings.Contains(got, is.want) {
			t.Errorf("%s: found %q, want %q", name, got, is.want)
		}
	}
}

// The commands of the manifests are paths in the image.
func TestTheImageHasTheProgramsThere(t *testing.T) {
	text, err := os.ReadFile("../image/Dockerfile")
	for _, want := range []string{"/producer ", "/consumer " + Folder + "\n", "USER 65534:65534\n"} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("the image has no line with %q (%v)", want, err)
		}
	}
}

func testGrace(t *testing.T, built map[string]Program) {
	for env, want := range map[string]time.Duration{"": 40 * time.Second, "45s": 75 * time.Second} {
		if got, err := built["consumer"].Grace(map[string]string{"CALLEVENTS_LEASE_DURATION": env}); err != nil || got != want {
			t.Errorf("with a lease of %q the consumer needs %v (%v), want %v", env, got, err, want)
		}
	}
	if got, err := built["producer"].Grace(nil); err != nil || got != 30*time.Second {
		t.Errorf("the producer needs %v (%v)", got, err)
	}
}

// The health checks of the containers run a program with the container's own environment. It is healthy while it waits
// for its stream: a restart would not help.
func testHealth(t *testing.T, built map[string]Program) {
	for name, p := range built {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"CALLEVENTS_HTTP": free.Addr().String()}
		free.Close()
		if code, out := p.run(env, "health"); code != 1 {
			t.Errorf("%s: nobody runs, and health ends with %d: %s", name, code, out)
		}
		running := p.command(t.Context(), env)
		if err := running.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for code := 1; code != 0; time.Sleep(50 * time.Millisecond) {
			var out string
			if code, out = p.run(env, "health"); code != 0 && time.Now().After(deadline) {
				t.Fatalf("%s runs, and health ends with %d: %s", name, code, out)
			}
		}
		running.Process.Signal(os.Interrupt)
		running.Wait()
	}
}
