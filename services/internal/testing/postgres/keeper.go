package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const (
	// keeperEnv makes a binary a keeper; its value is the keeper's settings.
	keeperEnv = "BLOG_TEST_POSTGRES_KEEPER"

	orderStart = "start"
	orderCrash = "crash"

	// version is the oldest one that the platform supports.
	version = embedded.V15

	startTimeout = time.Minute
)

// keeper is the child process's half: it obeys orders from standard input, one
// a line, and answers each with a quoted error, empty for none.
type keeper struct {
	dir, cache string
	config     embedded.Config
	server     *embedded.EmbeddedPostgres
}

func keep() int {
	settings := strings.Split(os.Getenv(keeperEnv), "\n")
	port, err := strconv.ParseUint(settings[2], 10, 16)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	k := &keeper{dir: settings[0], cache: settings[1]}
	k.config = k.configure(uint32(port), settings[3])
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		reply := ""
		if err := k.obey(orders.Text()); err != nil {
			reply = err.Error()
		}
		fmt.Println(strconv.Quote(reply))
	}
	if err := errors.Join(k.stop(), os.RemoveAll(k.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		return 1
	}
	return 0
}

func (k *keeper) configure(port uint32, password string) embedded.Config {
	return embedded.DefaultConfig().
		Version(version).Port(port).Username(superuser).Password(password).Database(superuser).
		Locale("C").Encoding("UTF8").
		CachePath(k.cache).BinariesPath(k.binaries()).
		RuntimePath(filepath.Join(k.dir, "run")).DataPath(filepath.Join(k.dir, "data")).
		StartTimeout(startTimeout).Logger(io.Discard).
		StartParameters(map[string]string{
			"fsync": "off", "full_page_writes": "off",
			"unix_socket_directories": "", "max_connections": "200",
			"ssl": "on", "ssl_cert_file": filepath.Join(k.dir, "tls.crt"), "ssl_key_file": filepath.Join(k.dir, "tls.key"),
		})
}

func (k *keeper) binaries() string { return filepath.Join(k.cache, string(version)) }

func (k *keeper) obey(order string) error {
	switch order {
	case orderStart:
		return k.start()
	case orderCrash:
		return k.crash()
	}
	return fmt.Errorf("there is no order %q", order)
}

func (k *keeper) start() error {
	if err := k.install(); err != nil {
		return err
	}
	k.server = embedded.NewDatabase(k.config)
	return k.server.Start()
}

// install unpacks PostgreSQL once per machine. What is unpacked appears under
// its name only when it is whole, and one process at a time does it.
func (k *keeper) install() error {
	if _, err := os.Stat(k.binaries()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(k.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	defer lock.Close() // lets go of the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock the cache: %w", err)
	}
	if _, err := os.Stat(k.binaries()); err == nil {
		return nil
	}
	unpacked, err := os.MkdirTemp(k.cache, "unpack-")
	if err != nil {
		return fmt.Errorf("make a folder to unpack in: %w", err)
	}
	defer os.RemoveAll(unpacked)
	trial := embedded.NewDatabase(k.config.BinariesPath(unpacked))
	if err := trial.Start(); err != nil {
		return fmt.Errorf("fetch and unpack PostgreSQL (the first run needs the network): %w", err)
	}
	if err := errors.Join(trial.Stop(), os.RemoveAll(filepath.Join(k.dir, "data"))); err != nil {
		return fmt.Errorf("stop the trial run: %w", err)
	}
	if err := os.Rename(unpacked, k.binaries()); err != nil {
		return fmt.Errorf("keep what was unpacked: %w", err)
	}
	return nil
}

func (k *keeper) crash() error {
	stop := exec.Command(filepath.Join(k.binaries(), "bin", "pg_ctl"), "stop", "-w", "-m", "immediate", "-D", filepath.Join(k.dir, "data"))
	if out, err := stop.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	k.server = nil
	return nil
}

func (k *keeper) stop() error {
	if k.server == nil {
		return nil
	}
	return k.server.Stop()
}
