package alerts

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/config/monitoring"
)

const root = "../.."

// open are values for everything that a runbook leaves open.
var open = map[string]string{
	"$NS": "g11-prod", "$PLATFORM": "blog", "$KIND": "Service",
	"<pod of the database>": "blog-db-0", "<the job that failed>": "backup", "<pid>": "42", "<slot>": "old", "$CERTIFICATE": "sealing.pem",
}

func names(t *testing.T) []string {
	t.Helper()
	all, err := Names(monitoring.Rules)
	if err != nil || len(all) == 0 {
		t.Fatalf("the rules have the alerts %q: %v", all, err)
	}
	return all
}

func TestEveryAlertIsFiredOnAClusterOrSaysWhyNot(t *testing.T) {
	told := slices.Concat(slices.Collect(maps.Keys(Fired)), slices.Collect(maps.Keys(NotFired)))
	slices.Sort(told)
	if all := names(t); !slices.Equal(told, all) {
		t.Errorf("alerts %q\nlisted %q", all, told)
	}
	for name, why := range NotFired {
		if why == "" {
			t.Errorf("%s is not fired, and nobody knows why", name)
		}
	}
}

// TestEveryRunbookCanBeFollowedWordForWord finds a value for all that a command leaves open.
func TestEveryRunbookCanBeFollowedWordForWord(t *testing.T) {
	for _, name := range names(t) {
		r, err := ReadRunbook(root, name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, command := range slices.Concat(r.Diagnosis, r.commands()) {
			filled, err := Fill(command, open)
			if err != nil || !strings.HasPrefix(filled, "kubectl ") {
				t.Errorf("%s: %q cannot be run: %v", name, filled, err)
			}
		}
	}
}

// TestLogsOfADatabaseAreAskedOfPodsThatHaveOne: the pods of the repository and of backups
// have the label of the cluster, too, and kubectl logs fails at the first pod without the container.
func TestLogsOfADatabaseAreAskedOfPodsThatHaveOne(t *testing.T) {
	const container, pods = " -c database ", "postgres-operator.crunchydata.com/data=postgres"
	texts := []string{strings.Join(strings.Fields(string(monitoring.Rules)), " ")}
	for _, name := range names(t) {
		r, err := ReadRunbook(root, name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, r.Diagnosis...)
	}
	found := 0
	for _, text := range texts {
		for _, command := range strings.Split(text, "kubectl logs ")[1:] {
			selector, _, is := strings.Cut(command, container)
			if !is || strings.Contains(selector, "runbook_url") {
				continue
			}
			if found++; !strings.Contains(selector, pods) {
				t.Errorf("these logs are asked of pods that have no such container: kubectl logs %s%s", selector, container)
			}
		}
	}
	if found == 0 {
		t.Error("nobody asks for the logs of a database any more")
	}
}

const example = "# Fire\n\n## Meaning\n\nIt is hot.\n\n## Diagnosis\n\nLook:\n\n```sh\nkubectl get pods -n $NS\nkubectl logs -n $NS <the pod>\n```\n\n## Mitigation\n\n- Water: `kubectl put water -n $NS`, as `spec.water` says.\n- Wait.\n"

func TestARunbookIsReadAsItIsWritten(t *testing.T) {
	r, err := ParseRunbook("Fire", example)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"kubectl get pods -n $NS", "kubectl logs -n $NS <the pod>"}; !slices.Equal(r.Diagnosis, want) {
		t.Errorf("Diagnosis is %q, want %q", r.Diagnosis, want)
	}
	if len(r.Mitigation) != 2 || !slices.Equal(r.Mitigation[0].Spans, []string{"kubectl put water -n $NS", "spec.water"}) || r.Mitigation[1].Text != "Wait." {
		t.Errorf("Mitigation is %+v", r.Mitigation)
	}
	if command, err := r.Command("kubectl put"); err != nil || command != "kubectl put water -n $NS" {
		t.Errorf("the command is %q: %v", command, err)
	}
	if err := r.Advises("Wait"); err != nil {
		t.Error(err)
	}
}

func TestARunbookThatWasChangedIsNotFollowed(t *testing.T) {
	r, err := ParseRunbook("Fire", example)
	if err != nil {
		t.Fatal(err)
	}
	if command, err := r.Command("kubectl run"); err == nil || !strings.Contains(err.Error(), "Fire") {
		t.Errorf("a command that is not there is %q: %v", command, err)
	}
	if _, err := r.Command(""); err != nil {
		t.Errorf("the only command is not found: %v", err)
	}
	if err := r.Advises("Sand"); err == nil {
		t.Error("it advises what it does not")
	}
	for _, broken := range []string{strings.Replace(example, "```sh", "```", 1), strings.Replace(example, "## Mitigation", "## Afterwards", 1)} {
		if r, err := ParseRunbook("Fire", broken); err == nil {
			t.Errorf("%q is read as %+v", broken, r)
		}
	}
}

func TestACommandIsRunOnlyWithAllThatItLeavesOpen(t *testing.T) {
	if filled, err := Fill("kubectl logs -n $NS <the pod>", map[string]string{"$NS": "a", "<the pod>": "b"}); err != nil || filled != "kubectl logs -n a b" {
		t.Errorf("it is %q: %v", filled, err)
	}
	if filled, err := Fill("kubectl logs -n $NS <the pod>", map[string]string{"$NS": "a"}); err == nil || !strings.Contains(err.Error(), "<the pod>") {
		t.Errorf("it is %q: %v", filled, err)
	}
}

// rules are those of config/monitoring as Prometheus reads them.
func rules(t *testing.T) (text string, parsed file) {
	t.Helper()
	var manifest struct {
		Spec file `json:"spec"`
	}
	if err := yaml.UnmarshalStrict(monitoring.Rules, &struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       *file          `json:"spec"`
	}{Spec: &manifest.Spec}); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(manifest.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(spec), manifest.Spec
}

func TestAScaledRuleDiffersInItsTimeOnlyAndTheOthersStay(t *testing.T) {
	text, before := rules(t)
	for range 2 { // the second time replaces the copy of the first
		var err error
		if text, err = WithScaled(text, ScaledAlerts); err != nil {
			t.Fatal(err)
		}
	}
	var after file
	if err := yaml.UnmarshalStrict([]byte(text), &after); err != nil {
		t.Fatal(err)
	}
	if len(after.Groups) != len(before.Groups)+1 {
		t.Fatalf("there are %d groups, and were %d", len(after.Groups), len(before.Groups))
	}
	for i := range before.Groups {
		was, err := yaml.Marshal(before.Groups[i])
		if err != nil {
			t.Fatal(err)
		}
		if is, err := yaml.Marshal(after.Groups[i]); err != nil || string(is) != string(was) {
			t.Errorf("group %s is another one: %v", before.Groups[i].Name, err)
		}
	}
	copies := after.Groups[len(before.Groups)].Rules
	for i, s := range ScaledAlerts {
		original, err := before.alert(s.Alert)
		if err != nil {
			t.Fatal(err)
		}
		if copies[i].Alert != s.Name() || strings.Replace(copies[i].Expr, s.To, s.From, 1) != original.Expr || copies[i].Expr == original.Expr {
			t.Errorf("the copy of %s is %+v", s.Alert, copies[i])
		}
	}
}

func TestWhatCannotBeScaledIsSaid(t *testing.T) {
	text, _ := rules(t)
	for _, s := range []Scaled{{"NoSuchAlert", "> 1", "> 0"}, {"BlogReleaseStuck", "> 7200", "> 120"}} {
		if _, err := WithScaled(text, []Scaled{s}); err == nil || !strings.Contains(err.Error(), s.Alert) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := WithScaled("groups: 1", nil); err == nil {
		t.Error("what is no file of rules is scaled")
	}
}
