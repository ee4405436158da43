package lease_test

import (
	"testing"

	"example.com/callevents/shared/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
