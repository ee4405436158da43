//go:build race

package testenv

// raceFlags are go build's flags for binaries that tests run.
var raceFlags = []string{"-race"}
