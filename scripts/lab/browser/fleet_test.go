package browser_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/callevents/shared/testenv"
	"example.com/callevents/shared/testenv/children"
	"example.com/callevents/shared/testenv/faults"
	"example.com/callevents/shared/testenv/servers"
)

// programs are three consumers and a producer on local servers.
type programs struct {
	*testing.T
	stream, app, bucket string
	s3                  *faults.Proxy // of the consumer c alone
}

func newPrograms(t *testing.T) *programs {
	f := &programs{T: t, stream: testenv.Stream(t, 4), app: testenv.Name(t, "app"), bucket: testenv.Bucket(t)}
	var err error
	if f.s3, err = faults.Listen(testenv.S3(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.s3.Close)
	return f
}

func (f *programs) start(name, program string, env []string, args ...string) *children.Child {
	f.Helper()
	child, err := children.StartProgram(&children.Lines{Each: lines(f.T, name)}, env, testenv.Build(f, program), args...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(child.Kill)
	return child
}

// consumer starts a consumer and returns the address of its page.
func (f *programs) consumer(name, s3 string) (*children.Child, string) {
	f.Helper()
	address := servers.FreeAddr()
	env := servers.Endpoints{Kinesis: testenv.Kinesis(f), DynamoDB: testenv.DynamoDB(f), S3: s3}.Environ()
	return f.start(name, "./consumer", env, "--stream", f.stream, "--app", f.app, "--bucket", f.bucket, "--worker-id", name, "--http", address,
		"--flush-interval", "5s", "--lease-duration", "3s", "--sync-interval", "200ms"), "http://" + address + "/"
}

// producer starts a producer that goes on for longer than the test.
func (f *programs) producer() (address string) {
	f.Helper()
	address = servers.FreeAddr()
	f.start("producer", "./producer", testenv.Env(f), "--stream", f.stream, "--rate", "200", "--spill", filepath.Join(f.TempDir(), "spill"), "--http", address)
	return "http://" + address + "/"
}

// Three consumers share four shards. The page of b shows how a is killed and its shards move, and how c is denied S3, without
// being loaded again. It says nothing on the console. Seen to fail with a page that shows one instance.
func TestTheFleetOnThePageOfOneInstance(t *testing.T) {
	t.Parallel()
	chromium(t)
	f := newPrograms(t)
	produced := f.producer()
	a, _ := f.consumer("a", testenv.S3(t))
	_, page := f.consumer("b", testenv.S3(t))
	f.consumer("c", f.s3.URL())
	testenv.Eventually(t, "the page of b does not open", func() bool { return answers(page) })
	b := open(t, page)
	b.await("all shards move, and each worker has some", says("4 of 4 shards are moving")+` && `+
		rows(`["a-", "b-", "c-"].every(w => rows.some(r => r.includes(w)))`))
	b.await("other workers' figures are told", rows(`rows.every(r => !r.includes("–"))`)) // a figure that is not known
	b.mark(`document.getElementById("row-shardId-000000000000").mark = "kept"`)
	if os.Getenv("CALLEVENTS_SCREENSHOTS") != "" {
		time.Sleep(4 * time.Minute) // for curves worth a picture
	}
	b.shoot("status-light.png", screen{width: 1180, height: 800})

	denied := f.s3.Add(faults.Rule{Operation: "PUT", Fault: faults.XMLError(403, "AccessDenied")})
	a.Kill()
	b.await("the shards of a have moved to others", rows(`rows.length == 4 && rows.every(r => r.includes("b-") || r.includes("c-"))`))
	b.await("a is gone", `![...document.querySelectorAll('tr[id^="worker-"] th')].some(h => h.textContent.startsWith("a-"))`)
	b.await("it is told what happened", `/gained|went from/.test(document.querySelector("ol.events").textContent)`)
	b.await("c stands still", says("S3 denies access")+` && document.querySelector(".todo").textContent.includes("allow s3:PutObject")`)
	if !b.is(rows(`rows.some(r => r.includes("c-") && r.includes("stands still: S3 denies access"))`)) {
		t.Error("no row of the table tells it")
	}
	if !b.is(`document.getElementById("row-shardId-000000000000").mark == "kept" && document.title.includes("of 4 shards moving")`) {
		t.Error("the page was not refreshed in place")
	}
	b.shoot("status-dark.png", screen{width: 1180, height: 760, dark: true})
	b.shoot("status-phone.png", screen{width: 390, height: 1100})
	denied.Remove()
	b.await("all goes on", says("4 of 4 shards are moving"))

	p := open(t, produced)
	p.await("the producer puts", says("records a second")+` && document.querySelectorAll('tr[id^="row-"]').length == 4`)
	p.shoot("status-producer.png", screen{width: 1180, height: 760})
}

func answers(url string) bool {
	code, _ := get(url)
	return code == 200
}
