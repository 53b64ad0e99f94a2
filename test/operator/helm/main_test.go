package helm

import (
	"testing"

	"blogplatform.io/operator/test/operator/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
