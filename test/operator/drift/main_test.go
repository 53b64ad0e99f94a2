package drift

import (
	"testing"

	"blogplatform.io/operator/test/operator/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// world adds to the harness' one what only these stories do.
type world struct{ harness.World }

func newWorld(t *testing.T) world {
	t.Helper()
	return world{harness.NewWorld(t)}
}
