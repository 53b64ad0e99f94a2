package bare

import (
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
)

// The package imports neither authorities nor time zones. That they are missed
// here is what makes the tests of the programs worth something.
func TestWithoutRootsOfItsOwnAProgramTrustsNobody(t *testing.T) {
	if !Inside() {
		if err := Run(t.Context(), ".", t.TempDir(), t.Name()); err != nil {
			t.Fatal(err)
		}
		return
	}
	err := VerifyPublicChain()
	var unknown x509.UnknownAuthorityError
	var none x509.SystemRootsError
	if !errors.As(err, &unknown) && !errors.As(err, &none) {
		t.Errorf("a public certificate is refused with %v, want an unknown authority", err)
	}
}

func TestWithoutTimeZonesOfItsOwnAProgramKnowsNone(t *testing.T) {
	if !Inside() {
		if err := Run(t.Context(), ".", t.TempDir(), t.Name()); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		return // the machine's own are in sight
	}
	if offset, err := Colombo(); err == nil {
		t.Errorf("Asia/Colombo is known, at %s", offset)
	}
}

func TestATestThatDoesNotExistIsNoSuccess(t *testing.T) {
	err := Run(t.Context(), ".", t.TempDir(), "TestOfNothing")
	if err == nil || !strings.Contains(err.Error(), "it did not run") {
		t.Errorf("it answers %v", err)
	}
}

func TestWhatTheTestPrintsIsInTheError(t *testing.T) {
	if Inside() {
		t.Fatal("no such luck")
	}
	err := Run(t.Context(), ".", t.TempDir(), t.Name())
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("it answers %v", err)
	}
}

func TestAPackageThatIsNoneIsRefused(t *testing.T) {
	err := Run(t.Context(), t.TempDir(), t.TempDir(), "Test")
	if err == nil || !strings.Contains(err.Error(), "build the tests of") {
		t.Errorf("it answers %v", err)
	}
}
