package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
)

// gitops is a repository that platforms are deployed from, and a checkout of it. The programs
// of production are fakes: kubectl tells what staging has verified, kubectl-blog prints a change,
// and gh keeps the titles of pull requests.
type gitops struct {
	t                       *testing.T
	origin, checkout, fakes string
	references              string
}

func newGitops(t *testing.T) *gitops {
	t.Helper()
	dir := t.TempDir()
	g := &gitops{
		t: t, origin: filepath.Join(dir, "origin"), checkout: filepath.Join(dir, "checkout"),
		fakes: filepath.Join(dir, "fakes"), references: filepath.Join(dir, "references"),
	}
	g.git(dir, "init", "-q", "--bare", "-b", "main", g.origin)
	g.git(dir, "clone", "-q", g.origin, g.checkout)
	g.git(g.checkout, "switch", "-q", "-C", "main")
	for _, file := range []string{"staging/release.yaml", "production/release.yaml", "staging/platform.yaml"} {
		g.write(filepath.Join(g.checkout, file), "before\n", 0o644)
	}
	g.git(g.checkout, "add", ".")
	g.git(g.checkout, "commit", "-q", "-m", "platforms")
	g.git(g.checkout, "push", "-q", "origin", "HEAD")
	g.pushed("1")
	return g
}

func (g *gitops) write(path, content string, mode os.FileMode) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		g.t.Fatal(err)
	}
}

// pushed says which digests were pushed: all of one hexadecimal digit.
func (g *gitops) pushed(digit string) {
	var lines strings.Builder
	for _, name := range []string{"operator", "frontend", "user", "content", "comment"} {
		lines.WriteString("registry.example.com/" + name + "@sha256:" + strings.Repeat(digit, 64) + "\n")
	}
	g.write(g.references, lines.String(), 0o644)
}

// verified makes the fakes of a world in which staging has verified a version, and no other.
func (g *gitops) verified(version string) {
	g.write(filepath.Join(g.fakes, "kubectl"), "#!/bin/sh\ncase \"$*\" in *\"="+version+" \"*) ;; *) exit 1 ;; esac\n", 0o755)
	g.write(filepath.Join(g.fakes, "kubectl-blog"), "#!/bin/sh\necho \"after $*\"\n", 0o755)
	g.write(filepath.Join(g.fakes, "gh"), "#!/bin/sh\nlog="+g.fakes+"/opened\ncase \"$2\" in list) wc -l <$log 2>/dev/null || echo 0 ;; create) echo \"$*\" >>$log ;; esac\n", 0o755)
}

// opened are the pull requests.
func (g *gitops) opened() []string {
	content, err := os.ReadFile(filepath.Join(g.fakes, "opened"))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	return strings.FieldsFunc(string(content), func(r rune) bool { return r == '\n' })
}

var identity = []string{"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com"}

func (g *gitops) git(dir string, args ...string) string {
	g.t.Helper()
	command := exec.CommandContext(g.t.Context(), "git", args...)
	command.Dir, command.Env = dir, append(os.Environ(), identity...)
	out, err := command.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// run runs a stage for a version.
func (g *gitops) run(stage, version string) (string, error) {
	command := exec.CommandContext(g.t.Context(), "./gitops.sh", stage)
	command.Env = append(append(os.Environ(), identity...), "GITOPS="+g.checkout, "FILE="+stage+"/release.yaml", "REFERENCES="+g.references,
		"STAGING=g11-stg/blog", "PRODUCTION=g11-prod/blog", "VERSION="+version, "TIMEOUT=1s", "SOAK=30m", "PATH="+g.fakes+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	return string(out), err
}

func (g *gitops) must(stage, version string) {
	g.t.Helper()
	if out, err := g.run(stage, version); err != nil {
		g.t.Fatalf("%s: %v: %s", stage, err, out)
	}
}

func TestStagingGetsAReleaseByOneCommitOfOneFile(t *testing.T) {
	g := newGitops(t)
	g.must("staging", "v1.2.3")
	if diff := cmp.Diff("chore(g11-stg): release v1.2.3\nM\tstaging/release.yaml", strings.ReplaceAll(g.git(g.origin, "log", "-1", "--format=%s", "--name-status", "main"), "\n\n", "\n")); diff != "" {
		t.Errorf("what was pushed (-want +got):\n%s", diff)
	}
	var platform v1alpha1.BlogPlatform
	if err := yaml.UnmarshalStrict([]byte(g.git(g.origin, "show", "main:staging/release.yaml")), &platform); err != nil {
		t.Fatal(err)
	}
	if r := platform.Spec.Release; r.Version != "v1.2.3" || r.Images.User != "registry.example.com/user@sha256:"+strings.Repeat("1", 64) {
		t.Errorf("staging asks for %+v", r)
	}
}

func TestARunOfStagingAgainCommitsNothing(t *testing.T) {
	g := newGitops(t)
	g.must("staging", "v1.2.3")
	before := g.git(g.origin, "rev-parse", "main")
	g.must("staging", "v1.2.3")
	if after := g.git(g.origin, "rev-parse", "main"); after != before {
		t.Errorf("main went from %s to %s", before, after)
	}
}

func TestWhatAnotherPushedMeanwhileIsKept(t *testing.T) {
	g := newGitops(t)
	clone := filepath.Join(t.TempDir(), "clone")
	g.git(filepath.Dir(clone), "clone", "-q", g.origin, clone)
	g.write(filepath.Join(clone, "staging/platform.yaml"), "other", 0o644)
	g.git(clone, "commit", "-q", "-a", "-m", "other")
	g.git(clone, "push", "-q")
	g.must("staging", "v1.2.3")
	if got := g.git(g.origin, "show", "main:staging/platform.yaml"); got != "other" {
		t.Errorf("the other's file is %q", got)
	}
	if got := g.git(g.origin, "log", "-1", "--format=%s", "main"); got != "chore(g11-stg): release v1.2.3" {
		t.Errorf("the last commit is %q", got)
	}
}

func TestProductionGetsAReleaseByAPullRequestOnly(t *testing.T) {
	g := newGitops(t)
	g.verified("v1.2.3")
	g.must("production", "v1.2.3")
	if got := g.git(g.origin, "show", "main:production/release.yaml"); got != "before" {
		t.Errorf("main was changed without approval: %s", got)
	}
	want := "after promote blog --namespace g11-prod --from g11-stg/blog --release v1.2.3 --soak 30m --output patch"
	if diff := cmp.Diff(want, g.git(g.origin, "show", "release/v1.2.3:production/release.yaml")); diff != "" {
		t.Errorf("what is proposed (-want +got):\n%s", diff)
	}
	opened := g.opened()
	if len(opened) != 1 || !strings.HasPrefix(opened[0], "pr create --head release/v1.2.3 --base main --title Release v1.2.3 to production") {
		t.Errorf("pull requests: %q", opened)
	}
}

func TestPlatformsInTwoClustersAreNamedByTheirContexts(t *testing.T) {
	t.Setenv("STAGING_CONTEXT", "here")
	t.Setenv("PRODUCTION_CONTEXT", "there")
	g := newGitops(t)
	g.verified("v1.2.3")
	g.must("production", "v1.2.3")
	got := g.git(g.origin, "show", "release/v1.2.3:production/release.yaml")
	if !strings.HasSuffix(got, "--soak 30m --output patch --context there --from-context here") {
		t.Errorf("it was proposed by %q", got)
	}
}

func TestARunOfProductionAgainOpensNothing(t *testing.T) {
	g := newGitops(t)
	g.verified("v1.2.3")
	g.must("production", "v1.2.3")
	before := g.git(g.origin, "rev-parse", "release/v1.2.3")
	g.git(g.checkout, "switch", "-q", "main")
	g.must("production", "v1.2.3")
	if after := g.git(g.origin, "rev-parse", "release/v1.2.3"); after != before || len(g.opened()) != 1 {
		t.Errorf("the branch went from %s to %s; pull requests: %q", before, after, g.opened())
	}
}

func TestWhatStagingHasNotVerifiedIsNotProposed(t *testing.T) {
	g := newGitops(t)
	g.verified("v1.2.2")
	out, err := g.run("production", "v1.2.3")
	if err == nil || !strings.Contains(out, "has not verified release v1.2.3") {
		t.Errorf("it says %q, %v", out, err)
	}
	if branches := g.git(g.origin, "branch", "--format=%(refname:short)"); branches != "main" || len(g.opened()) != 0 {
		t.Errorf("branches %q, pull requests %q", branches, g.opened())
	}
}

func TestAStageThatIsAskedForNonsenseChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		version, want string
		spoil         func(g *gitops)
	}{
		"no version":               {"dev", "write VERSION=v1.2.3", func(*gitops) {}},
		"a version that is a flag": {"--force", "write VERSION=v1.2.3", func(*gitops) {}},
		"no such file":             {"v1.2.3", "Commit it once", func(g *gitops) { g.git(g.checkout, "rm", "-q", "--cached", "staging/release.yaml"); g.remove() }},
		"nothing was pushed":       {"v1.2.3", "no image for service", func(g *gitops) { g.write(g.references, "", 0o644) }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitops(t)
			test.spoil(g)
			before := g.git(g.origin, "rev-parse", "main")
			out, err := g.run("staging", test.version)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("it says %q, %v", out, err)
			}
			if after := g.git(g.origin, "rev-parse", "main"); after != before {
				t.Errorf("main went from %s to %s", before, after)
			}
		})
	}
}

func (g *gitops) remove() {
	if err := os.Remove(filepath.Join(g.checkout, "staging/release.yaml")); err != nil {
		g.t.Fatal(err)
	}
}
