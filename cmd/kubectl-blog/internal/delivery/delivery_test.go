package delivery

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/promote"
)

func parse(t *testing.T, text string) *platform.Platform {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	p, err := platform.From(u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func images(digit string) string {
	digest := "@sha256:" + strings.Repeat(digit, 64)
	return "{frontend: r.example.com/frontend" + digest + ", user: r.example.com/user" + digest + ", content: r.example.com/content" + digest + ", comment: r.example.com/comment" + digest + "}"
}

func imagesDigest(digit string) string {
	digest := "@sha256:" + strings.Repeat(digit, 64)
	return promote.ImagesDigest(v1alpha1.Images{Frontend: digest, User: digest, Content: digest, Comment: digest})
}

// now is when the tests look.
var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

var staging = `
apiVersion: blogplatform.io/v1alpha1
kind: BlogPlatform
metadata: {namespace: g11-stg, name: blog, generation: 2}
spec: {environment: Staging, release: {version: v3, images: ` + images("3") + `}}
status:
  observedGeneration: 2
  conditions: []
  release: {phase: Progressing, current: {version: v2, digest: d2, images: ` + images("2") + `}, target: {version: v3, digest: d3}}
  history:
  - {version: v3, digest: d3, outcome: InProgress, startTime: "2026-11-26T11:50:00Z"}
  - {version: v2, digest: d2, outcome: Succeeded, startTime: "2026-11-26T11:00:00Z", completionTime: "2026-11-26T11:10:00Z", healthySince: "2026-11-26T11:10:00Z", imagesDigest: ` + imagesDigest("2") + `}
`

var production = `
apiVersion: blogplatform.io/v1alpha1
kind: BlogPlatform
metadata: {namespace: g11-prod, name: blog, generation: 5}
spec: {environment: Production, release: {version: v1, images: ` + images("1") + `}}
status:
  observedGeneration: 5
  conditions: []
  release: {phase: Complete, current: {version: v1, digest: d1, images: ` + images("1") + `}, target: {version: v1, digest: d1}}
  history:
  - {version: v1, digest: d1, outcome: Succeeded, startTime: "2026-11-26T12:00:00Z", images: ` + images("1") + `}
  - {version: v0.9.1, digest: dx, outcome: Superseded, startTime: "2026-11-25T12:00:00Z"}
  - {version: v0.9, digest: d9, outcome: Succeeded, startTime: "2026-11-24T12:00:00Z", images: ` + images("9") + `}
  - {version: v0.8, digest: d8, outcome: Succeeded, startTime: "2026-11-23T12:00:00Z", images: ` + images("8") + `}
`

// edited is a platform in which something else is written.
func edited(t *testing.T, text string, oldnew ...string) *platform.Platform {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("there is no %q to edit", oldnew[i])
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return parse(t, text)
}

// refuses fails the test unless err says something.
func refuses(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("the error is %v, want one that says %q", err, says)
	}
}

func TestWhatStagingHasVerifiedIsPromotedAndNotWhatIsUnderWayThere(t *testing.T) {
	change, err := Promote(parse(t, staging), parse(t, production), Terms{Version: "v2"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if change.Release.Version != "v2" || change.Release.Images.User != "r.example.com/user@sha256:"+strings.Repeat("2", 64) || change.None() {
		t.Errorf("%+v", change.Release)
	}
	golden.Equal(t, "promote.diff", change.Diff())
	golden.Equal(t, "promote.patch.yaml", change.Patch())
	read := parse(t, change.Patch())
	if diff := cmp.Diff(change.Release, read.Spec.Release); diff != "" || read.Key() != "g11-prod/blog" {
		t.Errorf("the patch reads otherwise (-want +got):\n%s", diff)
	}
	again, err := Promote(parse(t, staging), edited(t, production, "version: v1, images: "+images("1"), "version: v2, images: "+images("2")), Terms{Version: "v2"}, now)
	if err != nil || !again.None() {
		t.Errorf("a promotion of what is asked for already: %v, %v", again, err)
	}
}

func TestAVersionThatLooksLikeANumberStaysOne(t *testing.T) {
	change, err := Promote(edited(t, staging, "current: {version: v2", `current: {version: "1.10"`), parse(t, production), Terms{Version: "1.10"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if read := parse(t, change.Patch()); read.Spec.Release.Version != "1.10" {
		t.Errorf("the patch asks for %q", read.Spec.Release.Version)
	}
}

func TestNothingElseIsPromoted(t *testing.T) {
	for _, story := range []struct {
		version string
		staging []string
		says    string
	}{
		{"v3", nil, "staging g11-stg/blog has verified release v2 and not v3"},
		{"", nil, "nothing to promote: release v3 is not verified yet"},
		{"", []string{"phase: Progressing", "phase: Aborted"}, "nothing to promote: release v3 failed"},
		{"v2", []string{"environment: Staging", "environment: Production"}, "releases are promoted from Staging"},
		{"v2", []string{"current: {version: v2, digest: d2, images: " + images("2") + "}", "current: {}"}, "has not verified a release yet"},
		{"v2", []string{"current: {version: v2, digest: d2, images: {frontend: r.example.com/frontend@sha256:" + strings.Repeat("2", 64), "current: {version: v2, digest: d2, images: {frontend: r.example.com/frontend:v2"}, "names an image by its tag"},
		{"v2", []string{imagesDigest("2"), imagesDigest("3")}, "release v2 may not be promoted to g11-prod/blog: g11-stg/blog has not verified release v2, by these digests"},
		{"v2", []string{"generation: 2}", `generation: 2, deletionTimestamp: "2026-11-26T12:00:00Z"}`}, "is being deleted"},
	} {
		_, err := Promote(edited(t, staging, story.staging...), parse(t, production), Terms{Version: story.version}, now)
		refuses(t, err, story.says)
	}
	_, err := Promote(parse(t, staging), parse(t, staging), Terms{}, now)
	refuses(t, err, "only Production is promoted to")
	asked := "spec: {environment: Staging, release: {version: v3, images: " + images("3")
	verified := "spec: {environment: Staging, release: {version: v2, images: " + images("2")
	if p, err := Promote(edited(t, staging, asked, verified), parse(t, production), Terms{}, now); err != nil || !p.Gate.Allowed {
		t.Errorf("%+v, %v", p.Gate, err)
	}
}

// TestAGateThatNobodyWatchesIsKeptByThePlugin: where production has a gate for
// that staging, its operator waits; for one of another cluster nobody does.
func TestAGateThatNobodyWatchesIsKeptByThePlugin(t *testing.T) {
	gate := func(namespace string) string {
		return "spec: {environment: Production, promotion: {from: {namespace: " + namespace + ", name: blog}, soakSeconds: 3600}"
	}
	gated := func(namespace string) *platform.Platform {
		return edited(t, production, "spec: {environment: Production", gate(namespace))
	}
	p, err := Promote(parse(t, staging), gated("g11-stg"), Terms{Version: "v2"}, now)
	if err != nil || p.Gate.Allowed || p.Gate.Reason != promote.ReasonSoaking || !p.Gate.NextCheck.Equal(now.Add(10*time.Minute)) {
		t.Errorf("a gate of its own: %+v, %v", p.Gate, err)
	}
	if p, err := Promote(parse(t, staging), gated("g11-stg"), Terms{Version: "v2"}, now.Add(10*time.Minute)); err != nil || !p.Gate.Allowed {
		t.Errorf("ten minutes later: %+v, %v", p.Gate, err)
	}
	_, err = Promote(parse(t, staging), parse(t, production), Terms{Version: "v2", Soak: time.Hour}, now)
	refuses(t, err, "release v2 may not be promoted to g11-prod/blog: g11-stg/blog has verified release v2, and runs it until")
	refuses(t, err, "promote it again after "+now.Add(10*time.Minute).UTC().Format("2006-01-02 15:04:05 UTC"))
	if _, err := Promote(parse(t, staging), parse(t, production), Terms{Version: "v2", Soak: 50 * time.Minute}, now); err != nil {
		t.Error(err)
	}
	_, err = Promote(parse(t, staging), gated("elsewhere"), Terms{Version: "v2"}, now)
	refuses(t, err, "g11-prod/blog is promoted from elsewhere/blog (spec.promotion.from) and not from g11-stg/blog")
}

func TestWhatAnotherProgramManagesIsOnlyPrinted(t *testing.T) {
	for mark, says := range map[string]string{
		`annotations: {"argocd.argoproj.io/tracking-id": "blog:blogplatform.io/BlogPlatform:g11-prod/blog"}`:        "managed by Argo CD (argocd.argoproj.io/tracking-id)",
		`labels: {"argocd.argoproj.io/instance": blog}`:                                                             "managed by Argo CD (argocd.argoproj.io/instance)",
		`labels: {"kustomize.toolkit.fluxcd.io/name": blog}`:                                                        "managed by Flux (kustomize.toolkit.fluxcd.io/name)",
		`labels: {"helm.toolkit.fluxcd.io/name": blog}`:                                                             "managed by Flux (helm.toolkit.fluxcd.io/name)",
		`annotations: {"meta.helm.sh/release-name": blog, "meta.helm.sh/release-namespace": g11-prod}`:              "managed by Helm (meta.helm.sh/release-name)",
		`annotations: {"meta.helm.sh/release-name": blog, "objectset.rio.cattle.io/id": default-blog}`:              "managed by Fleet (objectset.rio.cattle.io/id)",
		`labels: {"objectset.rio.cattle.io/hash": a1b2}`:                                                            "managed by Fleet (objectset.rio.cattle.io/hash)",
		`annotations: {"meta.helm.sh/release-name": blog}, labels: {"helm.toolkit.fluxcd.io/name": blog}`:           "managed by Flux (helm.toolkit.fluxcd.io/name)",
		`annotations: {"configmanagement.gke.io/managed": enabled, "config.k8s.io/owning-inventory": a}`:            "managed by Config Sync (configmanagement.gke.io/managed)",
		`annotations: {"config.k8s.io/owning-inventory": a}`:                                                        "managed by kpt (config.k8s.io/owning-inventory)",
		`managedFields: [{manager: kubectl, operation: Update}, {manager: kustomize-controller, operation: Apply}]`: "managed by Flux (field manager kustomize-controller)",
		`managedFields: [{manager: argocd-controller, operation: Apply}]`:                                           "managed by Argo CD (field manager argocd-controller)",
	} {
		change := Change{Platform: edited(t, production, "generation: 5}", "generation: 5, "+mark+"}")}
		refuses(t, change.Refusal(), says+", which would undo the change; print it with -o patch")
	}
	for _, others := range []string{`labels: {"app.kubernetes.io/instance": blog}`, `annotations: {"configmanagement.gke.io/managed": disabled}`, `managedFields: [{manager: kubectl, operation: Apply}]`} {
		if err := (Change{Platform: edited(t, production, "generation: 5}", "generation: 5, "+others+"}")}).Refusal(); err != nil {
			t.Error(err)
		}
	}
}

func TestOneStepBackIsAlwaysSafe(t *testing.T) {
	for _, version := range []string{"", "v0.9"} {
		change, err := Rollback(parse(t, production), version)
		if err != nil {
			t.Fatal(err)
		}
		if change.Release.Version != "v0.9" || change.Release.Images.Comment != "r.example.com/comment@sha256:"+strings.Repeat("9", 64) {
			t.Errorf("to %q: %+v", version, change.Release)
		}
	}
	underway := edited(t, production, "target: {version: v1, digest: d1}", "target: {version: v2, digest: d2}", "release: {version: v1, images: "+images("1"), "release: {version: v2, images: "+images("2"))
	for version, want := range map[string]string{"": "v1", "v1": "v1", "v0.9": "v0.9"} {
		if change, err := Rollback(underway, version); err != nil || change.Release.Version != want {
			t.Errorf("while v2 is under way, to %q: %+v, %v", version, change.Release, err)
		}
	}
}

// TestTheWayBackIsOpenAgainAfterARestore to before the contract migration that closed it.
func TestTheWayBackIsOpenAgainAfterARestore(t *testing.T) {
	contracted := []string{`startTime: "2026-11-26T12:00:00Z"`, `migrations: ["user contract 1 -> 2"], startTime: "2026-11-26T12:00:00Z"`}
	for contract, open := range map[string]bool{"2": false, "1": true} {
		restored := append(contracted, "conditions: []", "conditions: []\n  database: {ready: 1, desired: 1, schemas: [{service: user, contract: "+contract+"}]}")
		change, err := Rollback(edited(t, production, restored...), "v0.8")
		if (err == nil) != open || open && change.Release.Version != "v0.8" {
			t.Errorf("with contract migration %s in the schema: %+v, %v", contract, change.Release, err)
		}
	}
}

func TestOtherWaysBackAreRefused(t *testing.T) {
	for _, story := range []struct {
		version string
		edits   []string
		says    string
	}{
		{"v0.8", []string{`startTime: "2026-11-26T12:00:00Z"`, `migrations: ["user contract 1 -> 2"], startTime: "2026-11-26T12:00:00Z"`},
			"release v0.8 cannot run any more: release v1 has run the contract migration of v0.9 (user contract 1 -> 2)"},
		{"v0.9.1", nil, "has no good release v0.9.1 in its history; it has v1, v0.9, v0.8"},
		{"v0.9", []string{`"2026-11-24T12:00:00Z", images: ` + images("9"), `"2026-11-24T12:00:00Z"`}, "does not hold the images of release v0.9"},
		{"", []string{"current: {version: v1, digest: d1, images: " + images("1") + "}", "current: {}"}, "no verified release to go back to"},
	} {
		_, err := Rollback(edited(t, production, story.edits...), story.version)
		refuses(t, err, story.says)
	}
	short, _, _ := strings.Cut(production, "  history:")
	_, err := Rollback(parse(t, short), "")
	refuses(t, err, "has no good release before v1")
}

func TestARequestNamesTheReleaseThatItIsAbout(t *testing.T) {
	for _, verb := range []Verb{Pause, Resume, Abort, Retry} {
		request, err := Request(parse(t, staging), verb)
		if err != nil || request != string(verb)+" v3" {
			t.Errorf("%s: %q, %v", verb, request, err)
		}
		_, err = Request(parse(t, production), verb)
		refuses(t, err, "is complete, there is nothing to "+string(verb))
	}
	_, err := Request(edited(t, staging, "generation: 2}", `generation: 2, annotations: {blogplatform.io/request: "abort v3"}}`), Abort)
	refuses(t, err, `holds the request "abort v3" already`)
	blocked := []string{"conditions: []", "conditions: [{type: PromotionAllowed, status: 'False', reason: Soaking, message: v4 soaks}]", "release: {version: v3", "release: {version: v4"}
	if request, err := Request(edited(t, staging, blocked...), Abort); err != nil || request != "abort v3" {
		t.Errorf("while another release waits at the gate: %q, %v", request, err)
	}
	answered := edited(t, staging, "generation: 2}", `generation: 2, annotations: {blogplatform.io/request: "abort v3"}}`, "release: {phase", "release: {request: {value: abort v3, answer: Honored}, phase")
	if request, err := Request(answered, Abort); err != nil || request != "abort v3 again" {
		t.Errorf("a request that was answered before: %q, %v", request, err)
	}
	_, err = Request(edited(t, staging, "generation: 2}", "generation: 3}"), Abort)
	refuses(t, err, "has not seen the last change")
	_, err = Request(edited(t, staging, "generation: 2}", `generation: 2, deletionTimestamp: "2026-11-26T12:00:00Z"}`), Abort)
	refuses(t, err, "is being deleted")
}

func TestTheWayOfARelease(t *testing.T) {
	ready := "conditions: [{type: Ready, status: 'False', reason: Paused, message: its canary goes on after this step}]"
	for _, story := range []struct {
		name, version string
		edits         []string
		line          string
		done          bool
		ends          string
	}{
		{"seen late", "v3", []string{"generation: 2}", "generation: 3}"}, "waits for the operator", false, ""},
		{"canary", "v3", []string{"phase: Progressing", "phase: Progressing, rollout: canary 20%, canaryWeight: 20", "conditions: []", ready}, "progressing  ██░░░░░░░░ canary 20%", false, ""},
		{"trouble", "v3", []string{"conditions: []", "services: [{name: user, state: Failed, message: its pods crash}]"}, "progressing: its pods crash", false, ""},
		{"failed migration", "v3", []string{"conditions: []", "conditions: [{type: MigrationsReady, status: 'False', reason: JobFailed, message: the Job failed}]", "phase: Progressing", "phase: Migrating"}, "migrating: the Job failed", false, ""},
		{"gate", "v3", []string{"conditions: []", "conditions: [{type: PromotionAllowed, status: 'False', reason: Soaking, message: v3 soaks}]", "target: {version: v3, digest: d3}", "target: {version: v2, digest: d2}"}, "waits at the gate: v3 soaks", false, ""},
		{"there", "v3", []string{"version: v2, digest: d2", "version: v3, digest: d3"}, "", true, ""},
		{"aborted", "v3", []string{"phase: Progressing", "phase: Aborted", "conditions: []", ready}, "", false, "it is aborted; its canary goes on"},
		{"failed by record", "v3", []string{"outcome: InProgress", "outcome: RolledBack"}, "", false, "it is rolledback"},
		{"stalled", "v3", []string{"conditions: []", "conditions: [{type: Stalled, status: 'True', reason: HostConflict, message: another has the host}]"}, "", false, "another has the host"},
		{"changed", "v2", nil, "", false, "somebody has asked for release v3 meanwhile"},
		{"deleted", "v3", []string{"generation: 2}", `generation: 2, deletionTimestamp: "2026-11-26T12:00:00Z"}`}, "", false, "being deleted"},
	} {
		t.Run(story.name, func(t *testing.T) {
			line, done, err := Progress(edited(t, staging, story.edits...), story.version)
			if line != story.line || done != story.done {
				t.Errorf("%q, %v; want %q, %v", line, done, story.line, story.done)
			}
			if story.ends == "" && err == nil {
				return
			}
			refuses(t, err, story.ends)
			if !errors.Is(err, ErrEnded) {
				t.Errorf("%v is not ErrEnded", err)
			}
		})
	}
}
