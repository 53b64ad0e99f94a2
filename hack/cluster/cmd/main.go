// Command cluster brings a local cluster up and down: make up, make status, make down.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster"
	"blogplatform.io/operator/hack/cluster/content"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/peers"
	"blogplatform.io/operator/hack/cluster/upstream"
	"blogplatform.io/operator/hack/privileged"
)

func main() {
	log.SetLogger(logr.Discard()) // the clients' own log; what people need to know comes as errors and progress
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code, err := runAsUser(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		code = 1
	}
	os.Exit(code)
}

// runAsUser runs a command as the user behind sudo, if there is one: what is built and written then is the user's.
func runAsUser(ctx context.Context, args []string) (exitCode int, err error) {
	serving := len(args) > 0 && args[0] == privileged.Subcommand
	if behind := privileged.Behind(); behind != nil && !serving {
		return privileged.RunAs(ctx, behind, host.FindGo(behind.HomeDir))
	}
	return 0, run(ctx, args)
}

const usage = `usage: cluster preflight|up|down|status|env|clean-cache|build-test-programs [--state DIR] [--https-port N] [--api-port N]
       cluster up [--to COMPONENT] [--from auto|source|upstream]
       cluster release [--state DIR] [--version VERSION] [--replace PATH=FILE ...]`

// options are what the flags of all subcommands say.
type options struct {
	settings node.Settings
	// to is the component that up ends with.
	to string
	// from is where up takes programs and images from.
	from upstream.Origin
	// version and replaced are those of a release.
	version  string
	replaced map[string]string
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	o, err := parse(args[1:])
	if err != nil {
		return err
	}
	settings := o.settings
	switch args[0] {
	case "up":
		return cluster.Up(ctx, settings, o.to, o.from, os.Stdin, os.Stdout)
	case "preflight":
		return cluster.Preflight(ctx, settings, o.to, os.Stdout)
	case "down":
		return down(ctx, settings)
	case "env":
		return cluster.Env(settings, os.Stdout)
	case "status":
		return cluster.Status(ctx, settings, os.Stdout)
	case "release":
		return content.Release(ctx, settings, o.replaced, o.version, os.Stdout)
	case "clean-cache", "build-test-programs":
		return onCache(ctx, settings, args[0])
	case privileged.Subcommand:
		return privileged.ServeStandard(ctx)
	case node.CommandStart:
		return node.StartAsRoot(ctx, settings)
	case node.CommandDiscard:
		return node.DiscardAsRoot(ctx, settings)
	case node.CommandInit:
		return node.Init(settings)
	case node.CommandNode:
		return node.Run(ctx, settings)
	}
	return errors.New(usage)
}

func parse(args []string) (o options, err error) {
	o.replaced = map[string]string{}
	s := &o.settings
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.StringVar(&s.Root, "root", "", "the checkout; found from the working directory if empty")
	flags.StringVar(&s.State, "state", "", "folder of what goes with the cluster; .cluster in the checkout if empty")
	flags.StringVar(&s.Cache, "cache", "", "folder of what was built; blogplatform in the user's cache folder if empty")
	flags.IntVar(&s.HTTPSPort, "https-port", 8443, "port on 127.0.0.1 for browsers")
	flags.IntVar(&s.APIPort, "api-port", 6443, "port on 127.0.0.1 for kubectl")
	flags.StringVar(&o.to, "to", "", "bring up this component and what it needs, such as CoreDNS; everything if empty")
	flags.TextVar(&o.from, "from", upstream.Auto, "auto, source or upstream: compile what the cluster runs, or download what was released of it (docs/local-cluster-sources.md)")
	flags.StringVar(&o.version, "version", "", "have staging ask for the release under this name; if empty, only print its images")
	flags.Func("replace", "PATH=FILE: build a release with another FILE in the place of PATH of the checkout", func(value string) error {
		path, file, found := strings.Cut(value, "=")
		if !found {
			return errors.New("write PATH=FILE")
		}
		o.replaced[path] = file
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if s.Root == "" {
		root, err := build.RepositoryRoot()
		if err != nil {
			return o, err
		}
		s.Root = root
	}
	if s.State == "" {
		s.State = filepath.Join(s.Root, ".cluster")
	}
	if s.Cache == "" {
		cache, err := build.NewCache(s.Root, nil)
		if err != nil {
			return o, err
		}
		s.Cache = cache.Dir
	}
	s.State, err = filepath.Abs(s.State)
	return o, err
}

func down(ctx context.Context, s node.Settings) error {
	root, err := privileged.Open()
	if err != nil {
		return err
	}
	return errors.Join(node.Down(ctx, s, root, os.Stdout), root.Close())
}

func onCache(ctx context.Context, s node.Settings, command string) error {
	cache, err := build.NewCache(s.Root, func(line string) { fmt.Println("building", line) })
	if err != nil {
		return err
	}
	if command == "clean-cache" {
		return cleanCache(cache)
	}
	_, err = controlplane.Program.Build(ctx, cache)
	_, errRollouts := peers.RolloutsProgram.Build(ctx, cache) // within a test its minutes would count against the test's limit
	return errors.Join(err, errRollouts)
}

// cleanCache removes the cache, and names what stays on this machine all the same.
func cleanCache(cache *build.Cache) error {
	packages, err := host.InstalledPackages(cluster.PackageRecord(cache))
	if err != nil {
		return err
	}
	if err := cache.Clean(); err != nil {
		return err
	}
	if len(packages) > 0 {
		fmt.Printf("These Debian packages were installed for local clusters and stay. To remove them: sudo apt-get purge %s\n", strings.Join(packages, " "))
	}
	return nil
}
