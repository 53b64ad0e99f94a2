package plan

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// templates are the pods of a production platform, by service.
func templates(t *testing.T, edit func(*v1alpha1.Services)) map[naming.Service]corev1.PodTemplateSpec {
	t.Helper()
	in := stories(t)["production"]
	if edit != nil {
		edit(&in.Platform.Spec.Services)
	}
	set, err := SetOf(in.Platform, in.Release)
	if err != nil {
		t.Fatal(err)
	}
	return set.Templates
}

// TestPodsOfTwoReleasesAreSpreadApart, and nodes that the pods may not use do not
// count: else a pod of a new release finds no node.
func TestPodsOfTwoReleasesAreSpreadApart(t *testing.T) {
	honor, ignore := corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore
	own := &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	for name, c := range map[string]struct {
		constraint corev1.TopologySpreadConstraint
		keys       []string
		taints     corev1.NodeInclusionPolicy
	}{
		"nothing more is said": {corev1.TopologySpreadConstraint{}, []string{labelTemplateHash}, honor},
		"taints are ignored":   {corev1.TopologySpreadConstraint{NodeTaintsPolicy: &ignore}, []string{labelTemplateHash}, ignore},
		"other keys are named": {corev1.TopologySpreadConstraint{MatchLabelKeys: []string{"tier"}}, []string{"tier"}, honor},
		"all pods count":       {corev1.TopologySpreadConstraint{MatchLabelKeys: []string{}}, []string{}, honor},
		"other pods count":     {corev1.TopologySpreadConstraint{LabelSelector: own}, nil, honor},
	} {
		t.Run(name, func(t *testing.T) {
			c.constraint.TopologyKey, c.constraint.MaxSkew, c.constraint.WhenUnsatisfiable = corev1.LabelHostname, 1, corev1.DoNotSchedule
			got := templates(t, func(s *v1alpha1.Services) {
				s.Content.TopologySpread = []corev1.TopologySpreadConstraint{c.constraint}
			})[naming.Content].Spec.TopologySpreadConstraints
			if len(got) != 1 || got[0].LabelSelector == nil || got[0].WhenUnsatisfiable != corev1.DoNotSchedule {
				t.Fatalf("%+v", got)
			}
			if !slices.Equal(got[0].MatchLabelKeys, c.keys) || *got[0].NodeTaintsPolicy != c.taints {
				t.Errorf("keys %v, taints %s", got[0].MatchLabelKeys, *got[0].NodeTaintsPolicy)
			}
		})
	}
	for service, template := range templates(t, nil) {
		for _, c := range template.Spec.TopologySpreadConstraints {
			if c.WhenUnsatisfiable != corev1.ScheduleAnyway || !slices.Equal(c.MatchLabelKeys, []string{labelTemplateHash}) || *c.NodeTaintsPolicy != honor {
				t.Errorf("by default %s has %+v", service, c)
			}
		}
	}
}

// TestPodsKeepNoNode: the cluster autoscaler may remove it, since they keep nothing there.
func TestPodsKeepNoNode(t *testing.T) {
	for service, template := range templates(t, nil) {
		if template.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] != "true" {
			t.Errorf("%s is not said to be safe to evict", service)
		}
		for _, volume := range template.Spec.Volumes {
			if volume.EmptyDir != nil || volume.HostPath != nil {
				t.Errorf("%s keeps data on its node: %s", service, volume.Name)
			}
		}
	}
}

// TestEveryServiceHasADisruptionBudget that never blocks the last pod.
func TestEveryServiceHasADisruptionBudget(t *testing.T) {
	in := stories(t)["staging"]
	in.Platform.Spec.Services.Frontend.Autoscaling = &v1alpha1.Autoscaling{Min: 1, Max: 10}
	budgets := 0
	for _, child := range planOf(t, in).Children {
		if child.Object.GetKind() != "PodDisruptionBudget" {
			continue
		}
		budgets++
		spec := child.Object.Object["spec"].(map[string]any)
		if spec["maxUnavailable"] != int64(1) || spec["unhealthyPodEvictionPolicy"] != "AlwaysAllow" {
			t.Errorf("%s: %v", child.Object.GetName(), spec)
		}
	}
	if budgets != len(naming.Services) {
		t.Errorf("%d budgets for %d services", budgets, len(naming.Services))
	}
}

// TestTheFrontendKnowsHowManyProxiesStandBeforeIt, and its pods are not replaced to
// be told what they take for granted.
func TestTheFrontendKnowsHowManyProxiesStandBeforeIt(t *testing.T) {
	for name, c := range map[string]struct {
		hops *int32
		want []string
	}{
		"nothing is said":                  {nil, nil},
		"the gateway alone":                {new(int32(1)), nil},
		"a delivery network before it":     {new(int32(2)), []string{"TRUSTED_HOPS=2"}},
		"as many as the API server allows": {new(int32(10)), []string{"TRUSTED_HOPS=10"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["production"]
			in.Platform.Spec.Gateway.TrustedHops = c.hops
			set, err := SetOf(in.Platform, in.Release)
			if err != nil {
				t.Fatal(err)
			}
			for service, template := range set.Templates {
				var got []string
				for _, env := range template.Spec.Containers[0].Env {
					if env.Name == "TRUSTED_HOPS" {
						got = append(got, env.Name+"="+env.Value)
					}
				}
				want := c.want
				if service != naming.Frontend {
					want = nil
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s is told %q, want %q", service, got, want)
				}
			}
		})
	}
}
