package plan

import (
	"fmt"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/json"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// labelTemplateHash is how Argo Rollouts tells the pods of one template from those of another.
const labelTemplateHash = rollouts.DefaultRolloutUniqueLabelKey

// What a Rollout shifts traffic with: the route of its VirtualService and the
// subsets of its DestinationRule.
const (
	routePrimary = "primary"
	subsetStable = "stable"
	subsetCanary = "canary"
)

// workloads run the effective release.
func (b *builder) workloads() {
	for _, service := range naming.Services {
		b.gate(StageWorkloads, b.rollout(service))
		if b.values.workloads[service].replicas > 1 {
			b.gate(StageWorkloads, b.disruptionBudget(service))
		}
	}
}

// rollout splits traffic between subsets of one Service, so Argo Rollouts needs
// no Service for each side. A Rollout that is stuck is reported and goes on when
// the cause is gone; an abort would have to be retried by a person.
func (b *builder) rollout(service naming.Service) *rollouts.Rollout {
	name := b.names.Workload(service)
	return &rollouts.Rollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: rollouts.SchemeGroupVersion.String(), Kind: "Rollout"},
		ObjectMeta: b.meta(name),
		Spec: rollouts.RolloutSpec{
			Replicas:                new(b.values.workloads[service].replicas),
			RevisionHistoryLimit:    new(int32(3)),
			ProgressDeadlineSeconds: new(int32(300)),
			Selector:                &metav1.LabelSelector{MatchLabels: b.names.Selector(service)},
			Template:                b.template(service, b.Release),
			Strategy: rollouts.RolloutStrategy{Canary: &rollouts.CanaryStrategy{
				Steps: canarySteps(b.values.steps),
				// Proxies that have not heard of a shift yet still find the pods they know.
				ScaleDownDelaySeconds:      new(int32(30)),
				AbortScaleDownDelaySeconds: new(int32(30)),
				TrafficRouting: &rollouts.RolloutTrafficRouting{Istio: &rollouts.IstioTrafficRouting{
					VirtualServices: []rollouts.IstioVirtualService{{Name: name, Routes: []string{routePrimary}}},
					DestinationRule: &rollouts.IstioDestinationRule{Name: name, StableSubsetName: subsetStable, CanarySubsetName: subsetCanary},
				}},
			}},
		},
	}
}

func canarySteps(steps []v1alpha1.RolloutStep) []rollouts.CanaryStep {
	var out []rollouts.CanaryStep
	for _, step := range steps {
		if step.Weight != nil {
			out = append(out, rollouts.CanaryStep{SetWeight: new(*step.Weight)})
			continue
		}
		out = append(out, rollouts.CanaryStep{Pause: &rollouts.RolloutPause{Duration: new(intstr.FromInt32(valueOr(step.PauseSeconds, 0)))}})
	}
	return out
}

// disruptionBudget lets a drained node take one pod at a time, and any pod that is not ready.
func (b *builder) disruptionBudget(service naming.Service) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: b.meta(b.names.Workload(service)),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             new(intstr.FromInt32(1)),
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
			Selector:                   &metav1.LabelSelector{MatchLabels: b.names.Selector(service)},
		},
	}
}

// digest identifies the four pod templates of a release.
func (b *builder) digest(release v1alpha1.Release) string {
	var templates []string
	for _, service := range naming.Services {
		raw, err := json.Marshal(b.template(service, release))
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("writing the pod template of %s: %w", service, err))
		}
		templates = append(templates, string(raw))
	}
	return naming.Hash(templates...)
}
