package ready

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// claims of one instance and one repository, written as YAML.
func claims(t *testing.T, texts ...string) []corev1.PersistentVolumeClaim {
	t.Helper()
	var all []corev1.PersistentVolumeClaim
	for _, text := range texts {
		var claim corev1.PersistentVolumeClaim
		if err := yaml.UnmarshalStrict([]byte(text), &claim); err != nil {
			t.Fatal(err)
		}
		claim.Namespace = "g11-stg"
		all = append(all, claim)
	}
	return all
}

// TestAVolumeThatDoesNotGrowIsSaid: the Postgres operator calls the cluster well all the same.
func TestAVolumeThatDoesNotGrowIsSaid(t *testing.T) {
	const (
		spec = `spec: {instances: [{name: instance, dataVolumeClaimSpec: {resources: {requests: {storage: 2Gi}}}}],
  backups: {pgbackrest: {repos: [{name: repo1, volume: {volumeClaimSpec: {resources: {requests: {storage: 4Gi}}}}}]}}}
`
		forbidden = spec + `status: {conditions: [{type: PersistentVolumeResizing, status: "False", reason: Forbidden, message: One or more volumes cannot be resized}]}`
		resizing  = spec + `status: {conditions: [{type: PersistentVolumeResizing, status: "True", reason: Resizing}]}`
		failing   = spec + `status: {conditions: [{type: PersistentVolumeResizeError, status: "True", reason: NodeResizeError, message: disk is bad}]}`
		small     = `{metadata: {name: data}, status: {phase: Bound, capacity: {storage: 1Gi}}}`
		grown     = `{metadata: {name: data}, status: {phase: Bound, capacity: {storage: 2Gi}}}`
		repo      = `{metadata: {name: repo, labels: {postgres-operator.crunchydata.com/pgbackrest-volume: ""}}, status: {phase: Bound, capacity: {storage: 1Gi}}}`
		big       = `{metadata: {name: data}, status: {phase: Bound, capacity: {storage: 100Gi}}}`
		pending   = `{metadata: {name: data}, status: {phase: Pending}}`
		refused   = `{metadata: {name: data}, status: {capacity: {storage: 1Gi}, conditions: [{type: ControllerResizeError, status: "True", message: "quota\n  used up"}]}}`
		futile    = `{metadata: {name: data}, status: {capacity: {storage: 1Gi}, allocatedResourceStatuses: {storage: ControllerResizeInfeasible}}}`
		over      = `{metadata: {name: data}, status: {capacity: {storage: 1Gi}, conditions: [{type: NodeResizeError, status: "False", message: old}]}}`
	)
	for name, c := range map[string]struct {
		cluster string
		claims  []string
		state   State
		says    string
	}{
		"no volume":                             {forbidden, nil, Ready, ""},
		"it has the size":                       {spec, []string{grown}, Ready, ""},
		"it has more than was asked for":        {spec, []string{big}, Ready, ""},
		"it is not bound yet":                   {spec, []string{pending}, Ready, ""},
		"it grows":                              {resizing, []string{small}, Progressing, "PersistentVolumeClaim g11-stg/data has 1Gi, and spec.database.storage.size asks for 2Gi; look at the events"},
		"its class cannot grow":                 {forbidden, []string{small}, Failed, "asks for 2Gi: Forbidden: One or more volumes cannot be resized; write 1Gi again, or let its StorageClass allow expansion"},
		"the node cannot":                       {failing, []string{small}, Failed, "NodeResizeError: disk is bad"},
		"the storage refuses":                   {resizing, []string{refused}, Failed, "ControllerResizeError: quota used up"},
		"the storage never will":                {resizing, []string{futile}, Failed, "ControllerResizeInfeasible"},
		"an error is over":                      {resizing, []string{over}, Progressing, "look at the events"},
		"the repository is too small":           {forbidden, []string{grown, repo}, Failed, "PersistentVolumeClaim g11-stg/repo has 1Gi, and spec.database.backups.storage.size asks for 4Gi"},
		"one grows and one cannot":              {spec, []string{small, strings.Replace(refused, "name: data", "name: other", 1)}, Failed, "g11-stg/other"},
		"the old size was written again":        {strings.Replace(forbidden, "storage: 2Gi", "storage: 1Gi", 1), []string{small}, Ready, ""},
		"the cluster has no instances any more": {"spec: {}", []string{small}, Ready, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Volumes(object(t, "PostgresCluster", c.cluster), claims(t, c.claims...))
			if got.State != c.state || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v, want %s with %q", got, c.state, c.says)
			}
		})
	}
}
