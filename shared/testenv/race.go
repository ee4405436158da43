//go:build race

package testenv

// Race reports whether the race detector is on: what is long takes five times as long under it.
const Race = true
