package gitops

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/internal/ready"
)

const root = "../.."

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// platform is one of the plugin's fixtures, changed by a merge patch in YAML.
// Conditions in the patch replace those of the same type.
func platform(t *testing.T, fixture, patch string) *unstructured.Unstructured {
	t.Helper()
	var file struct {
		Platform map[string]any `json:"platform"`
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, "cmd/kubectl-blog/internal/status/testdata", fixture+".in.yaml"))), &file); err != nil {
		t.Fatal(err)
	}
	changes := map[string]any{}
	if err := yaml.Unmarshal([]byte(patch), &changes); err != nil {
		t.Fatal(err)
	}
	conditions, _, _ := unstructured.NestedSlice(file.Platform, "status", "conditions")
	changed, _, _ := unstructured.NestedSlice(changes, "status", "conditions")
	for _, c := range changed {
		kind := c.(map[string]any)["type"]
		conditions = append(slices.DeleteFunc(conditions, func(old any) bool { return old.(map[string]any)["type"] == kind }), c)
	}
	merge(file.Platform, changes)
	if len(changed) > 0 {
		if err := unstructured.SetNestedSlice(file.Platform, conditions, "status", "conditions"); err != nil {
			t.Fatal(err)
		}
	}
	return normalised(t, file.Platform)
}

// normalised has the numbers that the API server's answers have.
func normalised(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: object}
	text, err := u.MarshalJSON()
	if err == nil {
		err = u.UnmarshalJSON(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// merge applies a merge patch (RFC 7386).
func merge(target, patch map[string]any) {
	for key, value := range patch {
		into, both := target[key].(map[string]any)
		from, isMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(target, key)
		case both && isMap:
			merge(into, from)
		default:
			target[key] = value
		}
	}
}

const (
	releasing = `{spec: {release: {version: v1.5.0}}, status: {release: {phase: Progressing`
	closed    = `{type: PromotionAllowed, status: "False", reason: Soaking, message: the gate is closed}`
)

// platforms are the states that Argo CD and Flux tell apart, and what people may ask for.
var platforms = map[string]struct {
	fixture, patch string
	health         health
	actions        string
}{
	"new":               {"unseen", "", health{"Progressing", "the operator has not seen the last change yet"}, ""},
	"changed just now":  {"healthy", "metadata: {generation: 4}", health{"Progressing", "has not seen the last change"}, ""},
	"installing":        {"installing", "", health{"Progressing", "not all instances of set instance are ready"}, ""},
	"verified":          {"healthy", "", health{"Healthy", "release v1.4.2 is verified"}, ""},
	"warned of":         {"warnings", "", health{"Healthy", "its renewal fails"}, ""},
	"stalled":           {"stalled", "", health{"Degraded", "belongs to the older BlogPlatform"}, ""},
	"down":              {"outage", "", health{"Degraded", "no pod of blog-user is available"}, ""},
	"releasing":         {"canary", releasing + "}}}", health{"Progressing", "blog-frontend is paused (CanaryPauseStep)"}, "abort pause"},
	"releasing, unseen": {"canary", `{metadata: {generation: 4}, spec: {release: {version: v1.6.0}}}`, health{"Progressing", "has not seen"}, ""},
	"paused": {"canary", releasing + `, paused: true}, conditions: [{type: Ready, status: "False", reason: ReleasePaused, message: a request paused it}]}}`,
		health{"Suspended", "a request paused it"}, "abort resume"},
	"committing": {"canary", `{spec: {release: {version: v1.5.0}}, status: {release: {phase: Committing}}}`, health{"Progressing", ""}, "abort"},
	"going back": {"canary", `{spec: {release: {version: v1.5.0}}, status: {release: {phase: Aborting}, conditions: [{type: Ready, status: "False", reason: ReleaseAborting, message: it goes back}]}}`,
		health{"Progressing", "it goes back"}, ""},
	"gone back": {"canary", `{spec: {release: {version: v1.5.0}}, status: {release: {phase: Aborted}, conditions: [{type: Ready, status: "False", reason: ReleaseAborted, message: release v1.5.0 failed}]}}`,
		health{"Degraded", "release v1.5.0 failed"}, "retry"},
	"not to be rolled back": {"healthy", `{status: {conditions: [{type: Ready, status: "False", reason: RollbackUnsafe, message: a contract migration ran}]}}`, health{"Degraded", "a contract migration ran"}, ""},
	"at a closed gate":      {"gate", "", health{"Suspended", "g11-stg/blog has verified release v1.5.0"}, ""},
	"at a closed gate, and down": {"gate", `{status: {conditions: [{type: Available, status: "False", reason: NotServing, message: no pod is available}]}}`,
		health{"Degraded", "no pod is available"}, ""},
	"at a closed gate, and broken": {"gate", `{status: {conditions: [{type: Ready, status: "False", reason: SecretMissing, message: a Secret is missing}]}}`,
		health{"Progressing", "a Secret is missing"}, ""},
	"releasing behind a closed gate": {"canary", `{spec: {release: {version: v1.6.0}}, status: {conditions: [` + closed + `]}}`, health{"Progressing", "CanaryPauseStep"}, "abort pause"},
	"suspended": {"outage", `{status: {conditions: [{type: Suspended, status: "True", reason: Suspended, message: spec.suspend is true}]}}`,
		health{"Suspended", "spec.suspend is true"}, ""},
	"not to be seen": {"healthy", `{status: {conditions: [{type: Ready, status: Unknown, reason: ObservationFailed, message: the operator cannot see}]}}`,
		health{"Unknown", "the operator cannot see"}, ""},
	"being deleted": {"canary", `{metadata: {deletionTimestamp: "2026-11-26T12:00:00Z"}, spec: {release: {version: v1.5.0}}}`, health{"Progressing", ""}, ""},
}

func TestArgoCDTellsTheStatesOfAPlatformApart(t *testing.T) {
	for name, test := range platforms {
		t.Run(name, func(t *testing.T) {
			got := judge(t, "blogplatform-health.lua", platform(t, test.fixture, test.patch))
			if got.Status != test.health.Status || !strings.Contains(got.Message, test.health.Message) {
				t.Errorf("it is %+v, want %+v", got, test.health)
			}
		})
	}
}

func TestArgoCDOffersWhatTheOperatorWouldDo(t *testing.T) {
	script := readActions(t)
	for name, test := range platforms {
		t.Run(name, func(t *testing.T) {
			want := map[string]bool{"pause": false, "resume": false, "abort": false, "retry": false}
			for _, action := range strings.Fields(test.actions) {
				want[action] = true
			}
			if diff := cmp.Diff(want, script.offered(t, platform(t, test.fixture, test.patch))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnActionIsARequestOfThatRelease(t *testing.T) {
	script := readActions(t)
	for _, verb := range []string{"pause", "resume", "abort", "retry"} {
		p := platform(t, "canary", releasing+"}}}")
		want := p.DeepCopy()
		want.SetAnnotations(map[string]string{"blogplatform.io/request": verb + " v1.5.0"})
		if diff := cmp.Diff(want.Object, normalised(t, script.act(t, verb, p).Object).Object); diff != "" {
			t.Errorf("%s (-want +got):\n%s", verb, diff)
		}

		// The operator honors each value once.
		answered := platform(t, "canary", `{metadata: {annotations: {note: keep, blogplatform.io/request: `+verb+` v1.5.0}}, status: {release: {request: {value: `+verb+` v1.5.0}}}}`)
		got := script.act(t, verb, answered).GetAnnotations()
		if diff := cmp.Diff(map[string]string{"note": "keep", "blogplatform.io/request": verb + " v1.5.0 again"}, got); diff != "" {
			t.Errorf("%s once more (-want +got):\n%s", verb, diff)
		}
	}
}

// TestArgoCDAndTheOperatorJudgeADatabaseAlike: the two read the same fields.
func TestArgoCDAndTheOperatorJudgeADatabaseAlike(t *testing.T) {
	const cluster = `
apiVersion: postgres-operator.crunchydata.com/v1beta1
kind: PostgresCluster
metadata: {namespace: g11-stg, name: blog-db, generation: 2}
spec:
  instances: [{name: instance, replicas: 2}]
  backups: {pgbackrest: {repos: [{name: repo1}]}}
  databaseInitSQL: {name: blog-db-init, key: init.sql}
status:
  observedGeneration: 2
  databaseInitSQL: blog-db-init
  instances: [{name: instance, replicas: 2, readyReplicas: 2, updatedReplicas: 2}]
  pgbackrest: {repoHost: {ready: true}, repos: [{name: repo1, stanzaCreated: true}]}
  conditions: [{type: PGBackRestReplicaCreate, status: "True"}]
`
	states := map[ready.State]string{ready.Ready: "Healthy", ready.Progressing: "Progressing"}
	for name, patch := range map[string]string{
		"ready":                     "",
		"new":                       "status: null",
		"changed":                   "metadata: {generation: 3}",
		"an instance short":         "status: {instances: [{name: instance, readyReplicas: 1, updatedReplicas: 2}]}",
		"without instances":         "status: {instances: null}",
		"restarting":                "status: {instances: [{name: instance, readyReplicas: 2, updatedReplicas: 1}]}",
		"short of its one instance": "{spec: {instances: [{name: instance}]}, status: {instances: null}}",
		"of one instance":           "{spec: {instances: [{name: instance}]}, status: {instances: [{name: instance, readyReplicas: 1, updatedReplicas: 1}]}}",
		"without a stanza":          "status: {pgbackrest: {repos: [{name: repo1, stanzaCreated: false}]}}",
		"with another repository":   "spec: {backups: {pgbackrest: {repos: [{name: repo1}, {name: repo2}]}}}",
		"without repository host":   "status: {pgbackrest: {repoHost: {ready: false}}}",
		"without a backup":          `status: {conditions: [{type: PGBackRestReplicaCreate, status: "False"}]}`,
		"that reports no backup":    "status: {conditions: null}",
		"that wants no backup":      "{spec: {backups: null}, status: {conditions: null}}",
		"whose SQL has not run":     "status: {databaseInitSQL: null}",
		"that has no SQL to run":    "{spec: {databaseInitSQL: null}, status: {databaseInitSQL: null}}",
	} {
		t.Run(name, func(t *testing.T) {
			object, changes := map[string]any{}, map[string]any{}
			for text, into := range map[string]*map[string]any{cluster: &object, patch: &changes} {
				if err := yaml.Unmarshal([]byte(text), into); err != nil {
					t.Fatal(err)
				}
			}
			merge(object, changes)
			u := normalised(t, object)
			want := ready.Judge(u, u, time.Now())
			got := judge(t, "postgrescluster-health.lua", u)
			if got.Status != states[want.State] {
				t.Errorf("Argo CD says %+v, the operator %+v", got, want)
			}
		})
	}
	paused := normalised(t, map[string]any{"kind": "PostgresCluster", "metadata": map[string]any{"generation": int64(1)}, "spec": map[string]any{"paused": true}})
	if got := judge(t, "postgrescluster-health.lua", paused); got.Status != "Suspended" {
		t.Errorf("a paused cluster is %+v", got)
	}
}

func TestAWaveWaitsForTheApplicationsBefore(t *testing.T) {
	for want, status := range map[health]any{
		{"Progressing", "Argo CD has not looked at it yet"}: nil,
		{"Degraded", "a pod crashes"}:                       map[string]any{"health": map[string]any{"status": "Degraded", "message": "a pod crashes"}},
		{"Healthy", ""}:                                     map[string]any{"health": map[string]any{"status": "Healthy"}},
	} {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Application", "status": status}}
		if got := judge(t, "application-health.lua", u); got != want {
			t.Errorf("it is %+v, want %+v", got, want)
		}
	}
}
