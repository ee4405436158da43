package lease_test

import (
	"errors"
	"slices"
	"testing"

	"example.com/callevents/consumer/lease"
	"example.com/callevents/shared/testenv"
)

// Before, a location stood in the row for ever.
func TestALocationIsForgottenUnlessTheRowHasChanged(t *testing.T) {
	name := testenv.Name(t, "forget")
	start := func(location string) *lease.DynamoDB {
		t.Helper()
		table := lease.NewDynamoDB(testenv.DynamoDBClient(t), name,
			lease.Application{InitialPosition: lease.TrimHorizon, Stream: "stream", Locations: []string{location}})
		if err := table.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		return table
	}
	table := start("s3://b/one/")
	want := func(want ...string) {
		t.Helper()
		if got, err := table.Locations(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Fatalf("locations %v, %v; want %v", got, err, want)
		}
	}
	want("s3://b/one/")
	start("s3://b/two/")
	seen := []string{"s3://b/one/", "s3://b/two/"}
	want(seen...)
	start("s3://b/three/")
	if err := table.ForgetLocation(t.Context(), seen, "s3://b/one/"); !errors.Is(err, lease.ErrRefused) {
		t.Errorf("a start came in between: %v", err)
	}
	seen = []string{"s3://b/one/", "s3://b/three/", "s3://b/two/"}
	want(seen...)
	for range 2 {
		err := table.ForgetLocation(t.Context(), seen, "s3://b/one/")
		if err != nil && !errors.Is(err, lease.ErrRefused) { // the second time
			t.Fatal(err)
		}
		want("s3://b/three/", "s3://b/two/")
	}
	for _, unknown := range []string{"s3://b/one/", ""} {
		if err := table.ForgetLocation(t.Context(), seen[1:], unknown); err == nil || errors.Is(err, lease.ErrRefused) {
			t.Errorf("%q is not there: %v", unknown, err)
		}
	}
	if err := table.ForgetLocation(t.Context(), seen[1:], "s3://b/two/"); err != nil {
		t.Fatal(err)
	}
	if err := table.ForgetLocation(t.Context(), []string{"s3://b/three/"}, "s3://b/three/"); err == nil {
		t.Error("the last location was forgotten")
	}
	want("s3://b/three/")
	if again := start("s3://b/three/"); !slices.Equal(again.Application().Locations, []string{"s3://b/three/"}) {
		t.Errorf("the next start has %v", again.Application().Locations)
	}
	other := lease.NewDynamoDB(testenv.DynamoDBClient(t), testenv.Name(t, "absent"), lease.Application{})
	if _, err := other.Locations(t.Context()); !errors.Is(err, lease.ErrTableMissing) {
		t.Errorf("no table: %v", err)
	}
}
