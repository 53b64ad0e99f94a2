// Package bare runs a test of a shipped program where its image would run it: in
// a root folder that holds one static program and nothing else, neither
// certificates nor time zones. The test's binary holds what the program's main
// package imports, so it finds what the program would find.
//
// A process can change its root folder only as root. For another user the files
// of the machine stay in sight: certificates are hidden by the environment
// (crypto/x509), and time zones are not hidden.
package bare

import (
	"context"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// inside is set in the environment of the test that was started again.
const inside = "BLOGPLATFORM_BARE"

// Inside tells whether this process was started by Run.
func Inside() bool { return os.Getenv(inside) != "" }

// Run builds the tests of the package in dir without cgo, as images are built,
// and runs one of them, by its name, in a root folder below scratch. The
// error holds what the test printed.
func Run(ctx context.Context, dir, scratch, test string) error {
	root := filepath.Join(scratch, "root")
	program := filepath.Join(root, "program")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests of %s: %w: %s", dir, err, out)
	}
	run := exec.CommandContext(ctx, program, "-test.v", "-test.run", "^"+test+"$")
	run.Dir, run.Env = root, []string{inside + "=1", "SSL_CERT_FILE=/nothing", "SSL_CERT_DIR=/nothing"}
	if os.Geteuid() == 0 {
		run.Path, run.Dir = "/program", "/"
		run.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	}
	out, err := run.CombinedOutput()
	if err == nil && !strings.Contains(string(out), "--- PASS: "+test) {
		err = errors.New("it did not run")
	}
	if err != nil {
		return fmt.Errorf("%s with nothing but its program: %w: %s", test, err, out)
	}
	return nil
}

//go:embed testdata/public.pem
var public []byte

// valid is a day on which the chain in testdata was valid.
var valid = time.Date(2023, time.January, 10, 0, 0, 0, 0, time.UTC)

// VerifyPublicChain verifies a certificate that a public authority signed, with
// the roots that a client without roots of its own takes (tls.Config, RootCAs).
func VerifyPublicChain() error {
	first, rest := pem.Decode(public)
	if first == nil {
		return errors.New("testdata/public.pem holds no certificate")
	}
	leaf, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return fmt.Errorf("read the first certificate of testdata/public.pem: %w", err)
	}
	intermediates := x509.NewCertPool()
	intermediates.AppendCertsFromPEM(rest)
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: "www.google.com", Intermediates: intermediates, CurrentTime: valid})
	return err
}

// Colombo is the offset of Asia/Colombo from UTC, which has been 5:30 hours since 2006.
func Colombo() (time.Duration, error) {
	zone, err := time.LoadLocation("Asia/Colombo")
	if err != nil {
		return 0, err
	}
	_, offset := valid.In(zone).Zone()
	return time.Duration(offset) * time.Second, nil
}
