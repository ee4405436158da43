//go:build race

package pipeline_test

// raceEnabled: the race detector needs several times the memory.
const raceEnabled = true
