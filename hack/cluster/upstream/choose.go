package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Origin says where the programs and images of a local cluster come from. It is
// the value of CLUSTER_FROM and of the flag --from.
type Origin string

// The origins.
const (
	// Auto is Upstream where the lock is complete and the servers answer, else Source.
	Auto Origin = "auto"
	// Source compiles everything.
	Source Origin = "source"
	// Upstream downloads what the lock names and compiles the rest.
	Upstream Origin = "upstream"
)

// UnmarshalText reads an origin, and so makes it the value of a flag.
func (o *Origin) UnmarshalText(text []byte) error {
	origin := Origin(text)
	if !slices.Contains([]Origin{Auto, Source, Upstream}, origin) {
		return fmt.Errorf("write %s, %s or %s", Auto, Source, Upstream)
	}
	*o = origin
	return nil
}

// MarshalText is the origin as a flag shows it.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o), nil }

// Choice is what was decided.
type Choice struct {
	// Origin is Source or Upstream.
	Origin Origin
	// Reason is half a sentence for a person.
	Reason string
}

// String is one line for a person.
func (c Choice) String() string {
	if c.Origin == Upstream {
		return "Released programs and images are used: " + c.Reason
	}
	return "Everything is compiled: " + c.Reason
}

// Probe tells why a server does not answer; nil means that it does.
type Probe func(ctx context.Context, host string) error

// answerWithin is how long all servers together have to answer.
const answerWithin = 3 * time.Second

// Allows refuses Upstream if the lock is not complete for a processor, as GOARCH names it.
func (l Lock) Allows(wanted Origin, arch string) error {
	unlocked := l.Unlocked(arch)
	if wanted != Upstream || len(unlocked) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no digest for %s of %s, and nothing is downloaded that is not pinned: "+
		"leave CLUSTER_FROM out to compile everything, or have a maintainer run `make lock-upstream` and commit the lock", LockPath, arch, strings.Join(unlocked, ", "))
}

// Choose decides for one processor. Only Auto asks servers: those of artifacts
// that are missing in the cache. Upstream fails where the lock does not allow it,
// and otherwise leaves it to the downloads to fail.
func Choose(ctx context.Context, wanted Origin, lock Lock, arch string, missing func(Artifact) bool, probe Probe) (Choice, error) {
	if wanted == Source {
		return Choice{Source, "that was asked for"}, nil
	}
	if err := lock.Allows(wanted, arch); err != nil {
		return Choice{}, err
	}
	if wanted == Upstream {
		return Choice{Upstream, "that was asked for"}, nil
	}
	if unlocked := lock.Unlocked(arch); len(unlocked) > 0 {
		return Choice{Source, fmt.Sprintf("%s has no digest for %s of %d of %d entries", LockPath, arch, len(unlocked), len(lock.Artifacts(arch)))}, nil
	}
	hosts := missingHosts(lock.Artifacts(arch), missing)
	if len(hosts) == 0 {
		return Choice{Upstream, "the cache holds them"}, nil
	}
	if err := askAll(ctx, hosts, probe); err != nil {
		return Choice{Source, err.Error()}, nil
	}
	return Choice{Upstream, strings.Join(hosts, ", ") + " answered"}, nil
}

// missingHosts are the servers of the artifacts that the cache lacks, sorted.
func missingHosts(artifacts []Artifact, missing func(Artifact) bool) []string {
	var hosts []string
	for _, artifact := range artifacts {
		if missing(artifact) {
			hosts = append(hosts, artifact.Host())
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// askAll asks all hosts at the same time, and fails for each that does not answer in time.
func askAll(ctx context.Context, hosts []string, probe Probe) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	failures := make([]string, len(hosts))
	var asking sync.WaitGroup
	for i, host := range hosts {
		asking.Go(func() {
			switch err := probe(ctx, host); {
			case errors.Is(err, context.DeadlineExceeded):
				failures[i] = fmt.Sprintf("%s did not answer within %s", host, answerWithin)
			case err != nil:
				failures[i] = fmt.Sprintf("%s can't be used: %s", host, err)
			}
		})
	}
	asking.Wait()
	if failures = slices.DeleteFunc(failures, func(f string) bool { return f == "" }); len(failures) > 0 {
		return errors.New(strings.Join(failures, ", "))
	}
	return nil
}
