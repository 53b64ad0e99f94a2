package ready

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Judge says how far the live object has come. A nil live object is
// Progressing/NotCreated. Kinds without a useful status are Ready when they exist.
func Judge(desired, live *unstructured.Unstructured) Verdict {
	if live == nil {
		return Verdict{Progressing, "NotCreated", name(desired) + " is not created yet"}
	}
	if live.GetDeletionTimestamp() != nil {
		return Verdict{Progressing, "Terminating", name(live) + " is being deleted"}
	}
	switch live.GetKind() {
	case "PostgresCluster":
		return postgres(live)
	case "Rollout":
		return rollout(live)
	case "Certificate":
		return certificate(live)
	case "Job":
		return job(live)
	}
	return Verdict{Ready, "Exists", name(live) + " exists"}
}

// SealedSecret judges by the keys of the Secret (nil: absent), because
// condition Synced can stick.
func SealedSecret(live *unstructured.Unstructured, keys map[string]bool, want []string) Verdict {
	if live == nil {
		return Verdict{Progressing, "NotCreated", "the SealedSecret is not created yet"}
	}
	if c := condition(live, "Synced"); c["status"] == "False" {
		return Verdict{Failed, "CannotUnseal", name(live) + " cannot be opened: wrong scope, name, namespace or sealing key; seal it again for this namespace and name"}
	}
	if keys == nil {
		return Verdict{Progressing, "SecretMissing", name(live) + " has no Secret yet: is the sealed-secrets controller running?"}
	}
	var missing []string
	for _, k := range want {
		if !keys[k] {
			missing = append(missing, k)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return Verdict{Failed, "KeyMissing", name(live) + ": its Secret lacks " + strings.Join(missing, ", ") + "; seal these keys"}
	}
	return Verdict{Ready, "Unsealed", name(live) + " is unsealed"}
}

// postgres reads status.instances and status.pgbackrest: there is no Ready condition.
func postgres(u *unstructured.Unstructured) Verdict {
	if n, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); n < u.GetGeneration() {
		return Verdict{Progressing, "NotObserved", name(u) + " is not yet seen by the Postgres operator: is it running?"}
	}
	instances, _, _ := unstructured.NestedSlice(u.Object, "status", "instances")
	sets, _, _ := unstructured.NestedSlice(u.Object, "spec", "instances")
	for _, s := range sets {
		spec, _ := s.(map[string]any)
		want, ok := spec["replicas"].(int64)
		if !ok {
			want = 1
		}
		if ready := readyOf(instances, spec["name"]); ready < want {
			return Verdict{Progressing, "InstancesNotReady", fmt.Sprintf("%s: %d of %d instances of set %v are ready; look at its pods", name(u), ready, want, spec["name"])}
		}
	}
	repos, _, _ := unstructured.NestedSlice(u.Object, "status", "pgbackrest", "repos")
	wanted, _, _ := unstructured.NestedSlice(u.Object, "spec", "backups", "pgbackrest", "repos")
	created := 0
	for _, r := range repos {
		if m, _ := r.(map[string]any); m["stanzaCreated"] == true {
			created++
		}
	}
	if created < len(wanted) {
		return Verdict{Progressing, "StanzaMissing", fmt.Sprintf("%s: %d of %d backup repositories are ready; look at the repo host", name(u), created, len(wanted))}
	}
	if c := condition(u, "PGBackRestReplicaCreate"); len(wanted) > 0 && c["status"] != "True" {
		return Verdict{Progressing, "FirstBackup", name(u) + ": the first backup has not finished; look at its backup Job"}
	}
	return Verdict{Ready, "InstancesReady", name(u) + " is ready"}
}

func readyOf(instances []any, set any) int64 {
	for _, i := range instances {
		if m, _ := i.(map[string]any); m["name"] == set {
			n, _ := m["readyReplicas"].(int64)
			return n
		}
	}
	return 0
}

// rollout reads status.phase; status.observedGeneration is a string.
func rollout(u *unstructured.Unstructured) Verdict {
	message, _, _ := unstructured.NestedString(u.Object, "status", "message")
	if c := condition(u, "InvalidSpec"); c["status"] == "True" {
		return Verdict{Failed, "InvalidSpec", fmt.Sprintf("%s: %v", name(u), c["message"])}
	}
	observed, _, _ := unstructured.NestedString(u.Object, "status", "observedGeneration")
	if n, err := strconv.ParseInt(observed, 10, 64); err != nil || n < u.GetGeneration() {
		return Verdict{Progressing, "NotObserved", name(u) + " is not yet seen by Argo Rollouts: is it running?"}
	}
	switch phase, _, _ := unstructured.NestedString(u.Object, "status", "phase"); phase {
	case "Healthy":
		return Verdict{Ready, "Healthy", name(u) + " is healthy"}
	case "Degraded":
		return Verdict{Failed, "Degraded", name(u) + " is degraded: " + message}
	case "Paused":
		return Verdict{Progressing, "Paused", name(u) + " is paused: " + message}
	}
	return Verdict{Progressing, "RollingOut", name(u) + " is rolling out; look at its pods"}
}

func certificate(u *unstructured.Unstructured) Verdict {
	c := condition(u, "Ready")
	if n, ok := c["observedGeneration"].(int64); ok && n < u.GetGeneration() {
		c = nil
	}
	if c["status"] == "True" {
		return Verdict{Ready, "Issued", name(u) + " is issued"}
	}
	if i := condition(u, "Issuing"); i["reason"] == "Failed" {
		return Verdict{Failed, "IssuanceFailed", name(u) + " could not be issued; look at its CertificateRequest and issuer"}
	}
	return Verdict{Progressing, "NotIssued", name(u) + " is not issued; look at its CertificateRequest, and that the issuer exists and cert-manager runs"}
}

func job(u *unstructured.Unstructured) Verdict {
	if condition(u, "Complete")["status"] == "True" {
		return Verdict{Ready, "Complete", name(u) + " is complete"}
	}
	if c := condition(u, "Failed"); c["status"] == "True" {
		return Verdict{Failed, "JobFailed", fmt.Sprintf("%s failed (%v); read the logs of its pods", name(u), c["reason"])}
	}
	return Verdict{Progressing, "Running", name(u) + " has not finished"}
}

func condition(u *unstructured.Unstructured, kind string) map[string]any {
	all, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range all {
		if m, _ := c.(map[string]any); m["type"] == kind {
			return m
		}
	}
	return nil
}

func name(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
