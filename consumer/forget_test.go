package main_test

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	main "example.com/callevents/consumer"
	"example.com/callevents/consumer/lease"
	"example.com/callevents/consumer/warehouse"
	"example.com/callevents/shared/sequence"
	"example.com/callevents/shared/testenv"
)

// twoLocations is an application that has moved from one location to another.
type twoLocations struct {
	table       *lease.DynamoDB
	app         string
	before, now *warehouse.Store
	shards      []string // of the stream
}

func moved(t *testing.T) *twoLocations {
	t.Helper()
	bucket := testenv.Bucket(t)
	m := &twoLocations{app: testenv.Name(t, "app")}
	log := logrus.New()
	log.SetOutput(io.Discard)
	store := func(prefix string) *warehouse.Store {
		at := warehouse.Location{Bucket: bucket, Prefix: prefix}
		m.table = lease.NewDynamoDB(testenv.DynamoDBClient(t), m.app,
			lease.Application{InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{at.String()}})
		if err := m.table.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		cfg := warehouse.Config{Application: m.app, Stream: "stream", Writer: "w", Location: at, ErrorsPrefix: "e/", Format: warehouse.NDJSON}
		return warehouse.NewStore(cfg, testenv.S3Client(t), warehouse.NewMetrics(prometheus.NewRegistry()), logrus.NewEntry(log))
	}
	m.before, m.now = store("old/"), store("new/")
	m.now.Locations = []warehouse.Location{m.before.Location, m.now.Location}
	return m
}

// ListShards implements streams.Lister.
func (m *twoLocations) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out := &kinesis.ListShardsOutput{}
	for i := range m.shards {
		out.Shards = append(out.Shards, types.Shard{ShardId: &m.shards[i]})
	}
	return out, nil
}

// row writes the row of a shard that the stream then lists.
func (m *twoLocations) row(t *testing.T, shard, checkpoint string) {
	t.Helper()
	if _, err := m.table.Update(t.Context(), lease.Write{Key: shard, Set: lease.Item{"Checkpoint": checkpoint,
		"CheckpointDay": "2026-11-24", "DayOfCheckpoint": checkpoint}}); err != nil {
		t.Fatal(err)
	}
	m.shards = append(m.shards, shard)
}

func (m *twoLocations) look(t *testing.T) bool {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	done, err := main.LookAtLocations(t.Context(), m.table, m.now, m, logrus.NewEntry(log))
	if err != nil {
		t.Error(err)
	}
	return done
}

func (m *twoLocations) left(t *testing.T) []string {
	t.Helper()
	left, err := m.table.Locations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// Before, every former location was listed for every shard at every opening, for ever.
func TestAFormerLocationIsForgottenWhenAllShardsHaveMoved(t *testing.T) {
	t.Parallel()
	m := moved(t)
	place := func(shard string, previous sequence.Number) warehouse.Place {
		return warehouse.Place{Shard: shard, Previous: previous, Day: "2026-11-24"}
	}
	commit(t, m.before, place("shardId-0", "100"), "101")
	commit(t, m.now, place("shardId-0", "101"), "102")
	m.row(t, "shardId-0", "102")
	m.row(t, "shardId-1", lease.ShardEnd)
	commit(t, m.before, place("shardId-2", "100"), "101")
	m.row(t, "shardId-2", "101")
	if m.look(t) || len(m.left(t)) != 2 {
		t.Fatalf("forgotten, and the newest link of a shard is there; left: %v", m.left(t))
	}
	commit(t, m.now, place("shardId-2", "101"), "102") // ahead of the checkpoint
	m.shards = append(m.shards, "shardId-3")
	if m.look(t) || len(m.left(t)) != 2 {
		t.Fatalf("forgotten, and a shard has no row; left: %v", m.left(t))
	}
	m.shards = m.shards[:3]
	for range 2 {
		if want := []string{m.now.Location.String()}; !m.look(t) || !slices.Equal(m.left(t), want) {
			t.Fatalf("left: %v, want %v", m.left(t), want)
		}
	}
}

// The newest link may be at a location that was left and come back to.
func TestALocationThatWasComeBackToIsNotForgotten(t *testing.T) {
	t.Parallel()
	m := moved(t)
	place := warehouse.Place{Shard: "shardId-0", Previous: "100", Day: "2026-11-24"}
	commit(t, m.now, place, "101")
	place.Previous = "101"
	commit(t, m.before, place, "102") // its writer died before the checkpoint
	m.row(t, "shardId-0", "101")
	if m.look(t) || len(m.left(t)) != 2 {
		t.Fatalf("forgotten; left: %v", m.left(t))
	}
}

func (m *twoLocations) forget(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./consumer"), append([]string{"forget-location"}, args...)...)
	cmd.Env = testenv.Env(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestForgetLocationExitCodesAndOutput(t *testing.T) {
	t.Parallel()
	m := moved(t)
	former, present := m.before.Location.String(), m.now.Location.String()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no location":        {[]string{"--app", m.app}, 2, "want s3://"},
		"no URL":             {[]string{"--app", m.app, "old/"}, 2, "want s3://"},
		"no name of a table": {[]string{"--app", "?", former}, 2, "--app"},
		"no application":     {[]string{"--app", testenv.Name(t, "absent"), former}, 2, "there is no application"},
		"not a location":     {[]string{"--app", m.app, former + "x/"}, 1, "those are: " + present + ", " + former},
	} {
		if code, out, errOut := m.forget(t, c.args...); code != c.code || out != "" || !strings.Contains(errOut, c.want) || !strings.HasPrefix(errOut, "forget-location: ") {
			t.Errorf("%s: code %d, %q, %q", name, code, out, errOut)
		}
	}
	code, out, errOut := m.forget(t, "--app", m.app, former)
	if code != 0 || errOut != "" || !strings.Contains(out, "Left: "+present) || !strings.Contains(out, "may be stored again") {
		t.Errorf("code %d, %q, %q", code, out, errOut)
	}
	if left := m.left(t); !slices.Equal(left, []string{present}) {
		t.Errorf("left: %v", left)
	}
	if code, _, errOut := m.forget(t, "--app", m.app, present); code != 1 || !strings.Contains(errOut, "the only location") {
		t.Errorf("code %d, %q", code, errOut)
	}
}
