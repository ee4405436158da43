package audit_test

import (
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"example.com/callevents/consumer/audit"
	"example.com/callevents/consumer/transform"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a small warehouse with its ledger: two shards with records 101 to 112 and 201 to 212 in links of three,
// the second day from 107 and 207 on, 105 and 110 in the dead letters.
type world struct {
	client *s3.Client
	bucket string
	store  *warehouse.Store
	cfg    audit.Config
	ledger []string
	keys   map[sequence.Number]string // of the link by the sequence number before it

	letters map[sequence.Number]string // the same of its dead letters
}

func newWorld(t *testing.T, format warehouse.Format) *world {
	t.Helper()
	// S3 takes 2 KiB of metadata. This server counts all headers as such.
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithMetadataSizeLimit(4<<10)).Server())
	t.Cleanup(server.Close)
	w := &world{client: testenv.NewS3Client(server.URL), bucket: "calls", keys: map[sequence.Number]string{}, letters: map[sequence.Number]string{}}
	if _, err := w.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &w.bucket}); err != nil {
		t.Fatal(err)
	}
	w.store = w.newStore("records/", format)
	if err := w.store.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.cfg = audit.Config{
		Links:       []warehouse.Location{{Bucket: w.bucket, Prefix: "records/"}},
		DeadLetters: []warehouse.Location{{Bucket: w.bucket, Prefix: "errors/"}},
	}
	w.chain(t, "shardId-000000000000", 100)
	w.chain(t, "shardId-000000000001", 200)
	return w
}

// newStore writes links under a prefix.
func (w *world) newStore(prefix string, format warehouse.Format) *warehouse.Store {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return warehouse.NewStore(warehouse.Config{
		Application: "app", Stream: "arn:stream@1", Writer: "w1", Location: warehouse.Location{Bucket: w.bucket, Prefix: prefix},
		ErrorsPrefix: "errors/", Format: format, Timeout: 5 * time.Second, Retention: 24 * time.Hour,
	}, w.client, warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log))
}

func (w *world) chain(t *testing.T, shard string, start int) {
	link := w.commit(t, warehouse.Place{Shard: shard, Previous: number(start), Day: warehouse.FirstDay}, "2026-11-23")
	for first := start + 1; first <= start+12; first += 3 {
		day := "2026-11-23"
		if first >= start+4 {
			day = "2026-11-24"
		}
		link = w.commit(t, link.Next(), day, first, first+1, first+2)
	}
}

func number(n int) sequence.Number { return sequence.Number(fmt.Sprint(n)) }

func callID(n int) string { return fmt.Sprint("call-", n) }

// rejected are the records that become dead letters.
func rejected(n int) bool { return n == 105 || n == 110 || n == 114 }

// arrived is when a record came into the stream: the first six of a shard on the first day.
func arrived(n int) time.Time {
	day := 23
	if n%100 > 6 {
		day = 24
	}
	return time.Date(2026, 11, day, 12, 0, n%60, 0, time.UTC)
}

func event(n int, userID string) string {
	return fmt.Sprintf(`{"more":[1],"session":{"id":"s","number":"7"},"event":{"property":{"call_id":%q}},"user":{"user_id":%s}}`, callID(n), userID)
}

// commit makes a link of those records and enters them into the ledger.
func (w *world) commit(t *testing.T, at warehouse.Place, nextDay string, records ...int) warehouse.Link {
	t.Helper()
	b := w.store.NewBatch()
	b.Begin(at)
	var err error
	for _, n := range records {
		b.Append(number(n))
		if rejected(n) {
			err = b.AddDeadLetter(warehouse.DeadLetter{
				Stream: "calls", ShardID: at.Shard, SequenceNumber: fmt.Sprint(n), PartitionKey: "p", ArrivalTime: arrived(n),
				Reason: transform.UserIDNotInteger, Data: []byte(event(n, `"x"`)),
			})
		} else {
			err = b.AddLine([]byte(event(n, "512") + "\n"))
		}
		if err != nil {
			t.Fatal(err)
		}
		w.ledger = append(w.ledger, fmt.Sprintf("%s,%s,%d", callID(n), at.Shard, n))
	}
	if err := b.Seal(nextDay); err != nil {
		t.Fatal(err)
	}
	if outcome, err := w.store.Create(t.Context(), time.Now().Add(time.Hour), b); outcome != warehouse.Done {
		t.Fatalf("%s: %v", outcome, err)
	}
	link := w.store.Link(b)
	if link.Rejected > 0 {
		if err := w.store.PutDeadLetters(t.Context(), link, b, 1); err != nil {
			t.Fatal(err)
		}
	}
	if len(records) > 0 {
		w.keys[at.Previous], w.letters[at.Previous] = link.Key(), link.DeadLetters
	}
	return link
}

// table is what the lease table says after the consumers have stopped.
func (w *world) table() *audit.Table {
	return &audit.Table{
		Application: "app", Stream: "arn:stream@1", Locations: []string{"s3://calls/records/"},
		Checkpoints: map[string]audit.Checkpoint{firstShard: {Last: "112", Day: "2026-11-24"}, secondShard: {Last: "212", Day: "2026-11-24"}},
	}
}

// verify audits with a ledger, or with nothing.
func (w *world) verify(t *testing.T, withLedger bool) audit.Report {
	t.Helper()
	return w.run(t, func(cfg *audit.Config) {
		if withLedger {
			cfg.Ledger = strings.NewReader(strings.Join(w.ledger, "\n") + "\n")
		}
	})
}

// everything is all that an audit can compare with: the ledger, the stream and the lease table.
func (w *world) everything(cfg *audit.Config) {
	cfg.Ledger = strings.NewReader(strings.Join(w.ledger, "\n") + "\n")
	cfg.Source, cfg.Table = stream{1, 12}.source(), w.table()
}

func (w *world) run(t *testing.T, with func(*audit.Config)) audit.Report {
	t.Helper()
	cfg := w.cfg
	with(&cfg)
	report, err := audit.Run(t.Context(), w.client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// edit rewrites an object: its body, and its metadata in place.
func (w *world) edit(t *testing.T, key string, change func(body string, metadata map[string]string) string) {
	t.Helper()
	out, err := w.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, key, change(string(body), out.Metadata), out.Metadata)
}

func (w *world) put(t *testing.T, key, body string, metadata map[string]string) {
	t.Helper()
	_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: strings.NewReader(body), Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) remove(t *testing.T, key string) {
	t.Helper()
	if _, err := w.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &w.bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// replace is an edit of the body alone.
func replace(old, new string) func(string, map[string]string) string {
	return func(body string, _ map[string]string) string { return strings.Replace(body, old, new, 1) }
}

// metadata is an edit of one value of the metadata.
func metadata(key, value string) func(string, map[string]string) string {
	return func(body string, m map[string]string) string { m[key] = value; return body }
}

// faults are those that were found.
func faults(r audit.Report) map[audit.Fault]int {
	list := maps.Clone(r.Faults)
	maps.DeleteFunc(list, func(_ audit.Fault, n int) bool { return n == 0 })
	return list
}

// firstKey is the key of a shard's first link.
func (w *world) firstKey(shard string) string {
	return warehouse.Place{Shard: shard, Previous: number(bases[shard]), Day: warehouse.FirstDay}.Key("records/", w.store.Format)
}

// move gives an object another key, and other metadata.
func (w *world) move(t *testing.T, from, to string, other map[string]string) {
	t.Helper()
	w.edit(t, from, func(body string, m map[string]string) string {
		moved := maps.Clone(m)
		maps.Copy(moved, other)
		w.put(t, to, body, moved)
		return body
	})
	w.remove(t, from)
}

// removeChain removes the links of a shard.
func (w *world) removeChain(t *testing.T, shard string) {
	t.Helper()
	w.remove(t, w.firstKey(shard))
	for n := bases[shard]; n < bases[shard]+12; n += 3 {
		w.remove(t, w.keys[number(n)])
	}
}
