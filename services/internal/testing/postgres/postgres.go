package postgres

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/testing/pki"
)

const (
	superuser = "postgres"
	// nobody owns the server's files when root runs the tests (Debian's
	// base-passwd and every other distribution agree on the number).
	nobody = 65534
	// validity of certificates outlasts any server.
	validity = 7 * 24 * time.Hour
)

// Server is a PostgreSQL server that listens on localhost, with TLS.
type Server struct {
	port     int
	password string
	dir      string
	keeper   *exec.Cmd
	orders   io.WriteCloser
	replies  *bufio.Reader
}

var (
	shared     *Server
	sharedOnce sync.Once
	errShared  error
	databases  atomic.Int64
)

// Become must be one of the first calls of main in a program that opens servers
// outside of tests. In a process that is a server's keeper it does not return.
func Become() {
	if os.Getenv(keeperEnv) != "" {
		os.Exit(keep())
	}
}

// Main is what TestMain returns to os.Exit in a package that uses this one. It
// runs the tests and stops the shared server after them.
func Main(m *testing.M) int {
	Become()
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// Shared returns the server that all tests of the package use.
func Shared(t testing.TB) *Server {
	t.Helper()
	sharedOnce.Do(func() { shared, errShared = Open() })
	if errShared != nil {
		t.Fatalf("start PostgreSQL: %v", errShared)
	}
	return shared
}

// New returns a server for this test alone, which it may crash.
func New(t testing.TB) *Server {
	t.Helper()
	server, err := Open()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Crash ends the server without a checkpoint, as a lost machine would.
func (s *Server) Crash(t testing.TB) { s.mustOrder(t, orderCrash) }

// Restart starts the server again on its port, with its data.
func (s *Server) Restart(t testing.TB) { s.mustOrder(t, orderStart) }

// Database is [Server.CreateDatabase] for a test.
func (s *Server) Database(t testing.TB, service string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timefactor.Scale(30*time.Second))
	defer cancel()
	env, err := s.CreateDatabase(ctx, service)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// CreateDatabase creates an empty database and its role as they are in a
// platform (all privileges on the database, nothing for PUBLIC), and returns the
// PG* variables for them.
func (s *Server) CreateDatabase(ctx context.Context, service string) (map[string]string, error) {
	name := fmt.Sprintf("blog-%s-%d", service, databases.Add(1))
	quoted := pgx.Identifier{name}.Sanitize()
	conn, err := pgx.Connect(ctx, s.url(superuser, s.password, superuser))
	if err != nil {
		return nil, fmt.Errorf("connect to create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	for _, statement := range []string{
		"CREATE ROLE " + quoted + " LOGIN PASSWORD '" + s.password + "'",
		"CREATE DATABASE " + quoted,
		"REVOKE CONNECT ON DATABASE " + quoted + " FROM PUBLIC",
		"GRANT ALL PRIVILEGES ON DATABASE " + quoted + " TO " + quoted,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("create database %s: %w", name, err)
		}
	}
	return map[string]string{
		"PGHOST": "localhost", "PGPORT": strconv.Itoa(s.port), "PGDATABASE": name, "PGUSER": name, "PGPASSWORD": s.password,
		"PGSSLMODE": "verify-full", "PGSSLROOTCERT": filepath.Join(s.dir, "ca.crt"),
	}, nil
}

func (s *Server) url(user, password, database string) string {
	return fmt.Sprintf("postgres://%s:%s@localhost:%d/%s?sslmode=verify-full&sslrootcert=%s", user, password, s.port, database, filepath.Join(s.dir, "ca.crt"))
}

// Open starts a server with an empty data folder of its own.
func Open() (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "blog-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a data folder: %w", err)
	}
	s := &Server{port: port, password: rand.Text(), dir: dir}
	if err := errors.Join(writeCertificates(dir), handOver(dir)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.startKeeper(cache); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.order(orderStart); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// startKeeper starts this binary again. /proc/self/exe works for nobody, too,
// who may not enter the folder that holds the binary.
func (s *Server) startKeeper(cache string) error {
	s.keeper = exec.Command("/proc/self/exe")
	s.keeper.Dir = s.dir
	// What is written to temporary files is removed with the rest.
	s.keeper.Env = append(os.Environ(), "TMPDIR="+s.dir, keeperEnv+"="+strings.Join([]string{s.dir, cache, strconv.Itoa(s.port), s.password}, "\n"))
	s.keeper.Stderr = os.Stderr
	// The terminal's Ctrl-C is for us: the keeper ends after all who use its server.
	s.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		s.keeper.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	var err error
	if s.orders, err = s.keeper.StdinPipe(); err != nil {
		return fmt.Errorf("open a pipe to the keeper: %w", err)
	}
	replies, err := s.keeper.StdoutPipe()
	if err != nil {
		return fmt.Errorf("open a pipe from the keeper: %w", err)
	}
	s.replies = bufio.NewReader(replies)
	if err := s.keeper.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	return nil
}

func (s *Server) order(what string) error {
	if _, err := fmt.Fprintln(s.orders, what); err != nil {
		return fmt.Errorf("ask the keeper to %s: %w", what, err)
	}
	reply, err := s.replies.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the keeper did not answer %s: %w", what, err)
	}
	reply, err = strconv.Unquote(strings.TrimSpace(reply))
	if err != nil {
		return fmt.Errorf("read the keeper's answer: %w", err)
	}
	if reply != "" {
		return fmt.Errorf("%s: %s", what, reply)
	}
	return nil
}

func (s *Server) mustOrder(t testing.TB, what string) {
	t.Helper()
	if err := s.order(what); err != nil {
		t.Fatal(err)
	}
}

// Close stops the server and removes its data, also when the child process that
// should have done so was killed.
func (s *Server) Close() error {
	if err := errors.Join(s.orders.Close(), s.keeper.Wait(), os.RemoveAll(s.dir)); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// cacheDir returns the folder that keeps PostgreSQL's programs between runs, so
// that only the first one needs the network. Root's own cache is closed to
// nobody, hence the system's.
func cacheDir() (string, error) {
	base := "/var/cache"
	if os.Geteuid() != 0 {
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("find the cache folder: %w", err)
		}
	}
	dir := filepath.Join(base, "blogplatform", "postgres")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, handOver(dir)
}

// handOver gives what root made to the user who will run the server.
func handOver(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
	if err != nil {
		return fmt.Errorf("hand %s over to nobody: %w", dir, err)
	}
	return nil
}

func writeCertificates(dir string) error {
	authority, err := pki.NewAuthority(validity)
	if err != nil {
		return err
	}
	leaf, err := authority.Issue(time.Now().Add(-time.Hour), validity, "localhost")
	if err != nil {
		return err
	}
	certificate, key, err := leaf.PEM()
	return errors.Join(err,
		os.WriteFile(filepath.Join(dir, "ca.crt"), authority.PEM(), 0o600),
		os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
