package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
)

// kills is how often the producer is killed.
func kills() int {
	if os.Getenv("CALLEVENTS_LONG") != "" {
		return 50
	}
	return 8
}

// A producer is killed again and again over one file, and started again. Seen to fail without --journal: each start put the file
// from its beginning.
func TestAProducerThatIsKilledGoesOnWithItsInput(t *testing.T) {
	for name, flags := range map[string][]string{"records": nil, "containers": {"--aggregate"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, testenv.Kinesis(t))
			dir := t.TempDir()
			input := filepath.Join(dir, "input.ndjson")
			var lines strings.Builder
			for i := range repeated {
				fmt.Fprintf(&lines, "{\"event\":{\"property\":{\"call_id\":\"call-%d\"}},\"user\":{\"user_id\":\"%d\"}}\n", i, i)
			}
			if err := os.WriteFile(input, []byte(lines.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			flags = append(flags, "--input", input, "--journal", filepath.Join(dir, "journal"))
			first, second := p.consumer("first"), p.consumer("second")
			for killed := 0; killed < kills(); killed++ {
				producer := p.producer(300, 0, flags...)
				select { // it takes a while to begin
				case <-time.After(time.Duration(rand.IntN(1500)) * time.Millisecond):
				case <-producer.Ended():
					t.Fatalf("ended after %d kills: %v", killed, producer.Wait())
				}
				producer.Kill()
			}
			p.producer(2000, 0, flags...).finish()
			p.awaitStored(repeated)
			first.terminate()
			second.terminate()
			p.verifyRepeats()
		})
	}
}
