//go:build e2e && delivery

package e2e

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write docs/delivery anew instead of comparing")

// TestAGoodReleaseReachesProductionAndABadOneDoesNotLeaveStaging is the way of
// two releases, under the eyes of readers and of somebody who watches.
func TestAGoodReleaseReachesProductionAndABadOneDoesNotLeaveStaging(t *testing.T) {
	plugins := plugin(t)
	v2, v3 := build(t, "v2.0.0", another), build(t, "v3.0.0", another, wrongTable)
	readers, testers := signIn(t, production), signIn(t, staging)
	endProduction := load(t, production, 20, readers...)
	onStaging, onProduction := watchStatus(t, plugins, staging), watchStatus(t, plugins, production)

	endStaging := load(t, staging, 20, testers...)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v2 })
	awaitRelease(t, staging, v2.Version, 15*time.Minute)
	noFailures(t, "staging, while "+v2.Version+" came", endStaging)

	out, errOut, code := kubectl(t, plugins, "blog", "promote", "-n", production.namespace, "--wait")
	if code != 0 || !strings.Contains(out+errOut, "release "+v2.Version+" is verified and served") {
		t.Fatalf("promoting %s: exit code %d: %s%s", v2.Version, code, out, errOut)
	}
	t.Logf("promotion:\n%s%s", errOut, out)

	endStaging = load(t, staging, 20, testers...)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v3 })
	awaitBack(t, staging, v2.Version, 10*time.Minute)
	requests, failures := endStaging()
	t.Logf("of %d requests to staging, while %s was tried, %d failed", requests, v3.Version, len(failures))
	if r := get(t, staging).Status.History[0]; r.Version != v3.Version || r.Outcome != v1alpha1.OutcomeAborted || !strings.Contains(r.Message, "content") {
		t.Errorf("the history of staging begins with %+v", r)
	}

	if out, errOut, code := kubectl(t, plugins, "blog", "promote", "-n", production.namespace, "--release", v3.Version); code == 0 {
		t.Errorf("%s was promoted: %s%s", v3.Version, out, errOut)
	}
	change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v3 })
	eventually(t, time.Minute, "a closed gate", func(context.Context) error {
		bp := get(t, production)
		if c := meta.FindStatusCondition(bp.Status.Conditions, v1alpha1.ConditionPromotionAllowed); c == nil || c.Status != metav1.ConditionFalse || c.Reason != "FailedInStaging" {
			return fmt.Errorf("PromotionAllowed is %+v", c)
		}
		return runs(t.Context(), production, v2.Version)
	})
	for _, env := range environments {
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v2 })
		awaitRelease(t, env, v2.Version, 5*time.Minute)
	}
	noFailures(t, "production", endProduction)
	if slices.ContainsFunc(get(t, production).Status.History, func(r v1alpha1.ReleaseRecord) bool { return r.Version == v3.Version }) {
		t.Errorf("production has tried %s: %+v", v3.Version, get(t, production).Status.History)
	}
	compare(t, "../../docs/delivery/staging.txt", onStaging())
	compare(t, "../../docs/delivery/production.txt", onProduction())
}

// watchStatus has kubectl blog status -w run until it is asked for what it said.
func watchStatus(t testing.TB, plugins string, env environment) (said func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, filepath.Join(plugins, "kubectl-blog"), "status", "-n", env.namespace, "--watch")
	command.Env = append(os.Environ(), "KUBECONFIG="+os.Getenv("BLOGPLATFORM_KUBECONFIG"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	// What follows must not begin before somebody watches.
	for lines.Scan() && !isRelease(lines.Text()) {
	}
	all := []string{lines.Text()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			all = append(all, lines.Text())
		}
	}()
	end := sync.OnceFunc(func() {
		cancel()
		<-ended
		_ = command.Wait() // interrupted, it exits with the state of the platform
	})
	t.Cleanup(end)
	return func() []string { end(); return releaseLines(all) }
}

func isRelease(line string) bool { return strings.Contains(line, " Release ") }

var hashes = regexp.MustCompile(`\([0-9a-f]{10}\)`)

// releaseLines are the lines about the release, each told once, with names in
// the place of hashes, which change with the code.
func releaseLines(said []string) []string {
	var lines []string
	names := map[string]string{}
	for _, line := range said {
		if !isRelease(line) {
			continue
		}
		line = hashes.ReplaceAllStringFunc(strings.TrimSpace(line), func(hash string) string {
			if names[hash] == "" {
				names[hash] = fmt.Sprintf("(%s)", strings.Repeat(string(rune('a'+len(names))), 10))
			}
			return names[hash]
		})
		if len(lines) == 0 || lines[len(lines)-1] != line {
			lines = append(lines, line)
		}
	}
	return lines
}

// compare holds what was seen to the golden file: nothing else, in no other
// order. What passes within a moment may be missed.
func compare(t testing.TB, file string, seen []string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(seen, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Split(strings.TrimSpace(string(golden)), "\n")
	first, last := rest[0], rest[len(rest)-1]
	for _, line := range seen {
		at := slices.Index(rest, line)
		if at < 0 {
			t.Errorf("%s does not have %q after what was seen before (-update writes it anew):\n%s", file, line, strings.Join(seen, "\n"))
			return
		}
		rest = rest[at:]
	}
	if seen[0] != first || seen[len(seen)-1] != last {
		t.Errorf("%s begins with %q and ends with %q, seen were:\n%s", file, first, last, strings.Join(seen, "\n"))
	}
}
