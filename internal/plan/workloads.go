package plan

import (
	"slices"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// labelTemplateHash is how Argo Rollouts tells the pods of one template from those of another.
const labelTemplateHash = rollouts.DefaultRolloutUniqueLabelKey

// What a Rollout shifts traffic with: a route of its VirtualService and the
// subsets of its DestinationRule. The other route is for its analyses.
const (
	routePrimary = "primary"
	routeCanary  = "canary"
	subsetStable = "stable"
	subsetCanary = "canary"
)

// commitMargin is for how many seconds the pods before outlast the longest commit.
const commitMargin = 60

// workloads run what the release has come to.
func (b *builder) workloads() {
	b.gate(StageWorkloads, b.precheckTemplate())
	b.gate(StageWorkloads, b.analysisTemplate())
	for _, service := range naming.Services {
		b.gate(StageWorkloads, b.rollout(service))
		if scaling := b.values.workloads[service].autoscaling; scaling != nil {
			b.gate(StageWorkloads, b.autoscaler(service, *scaling))
		}
		b.gate(StageWorkloads, b.disruptionBudget(service))
	}
}

// rollout splits traffic between subsets of one Service. It names a Service for
// the canary as well, because without one Argo Rollouts does nothing as long as
// any stable or canary pod is unavailable (docs/adr/0007). One that is stuck goes on when the cause is gone:
// whether to go back is decided for all four, by the operator.
func (b *builder) rollout(service naming.Service) *rollouts.Rollout {
	name := b.names.Workload(service)
	set := b.runs(service)
	meta := b.meta(name)
	meta.Annotations = map[string]string{naming.AnnotationSet: set.Digest}
	return &rollouts.Rollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: rollouts.SchemeGroupVersion.String(), Kind: "Rollout"},
		ObjectMeta: meta,
		Spec: rollouts.RolloutSpec{
			Replicas:                new(b.values.workloads[service].replicas),
			RevisionHistoryLimit:    new(int32(3)),
			ProgressDeadlineSeconds: new(b.values.progressDeadline),
			RollbackWindow:          b.rollbackWindow(),
			Paused:                  slices.Contains(b.Run.Paused, service),
			Selector:                &metav1.LabelSelector{MatchLabels: b.names.Selector(service)},
			Template:                set.Templates[service],
			Strategy: rollouts.RolloutStrategy{Canary: &rollouts.CanaryStrategy{
				Steps:         b.steps(service),
				CanaryService: b.names.Canary(service),
				// The pods before outlast a commit that does not come to its end.
				ScaleDownDelaySeconds: new(b.values.progressDeadline + commitMargin),
				// Proxies that have not heard of a shift yet still find the pods they know.
				AbortScaleDownDelaySeconds: new(int32(30)),
				TrafficRouting: &rollouts.RolloutTrafficRouting{Istio: &rollouts.IstioTrafficRouting{
					VirtualServices: []rollouts.IstioVirtualService{{Name: name, Routes: []string{routePrimary}}},
					DestinationRule: &rollouts.IstioDestinationRule{Name: name, StableSubsetName: subsetStable, CanarySubsetName: subsetCanary},
				}},
			}},
		},
	}
}

// targetUtilization is the use of the cpu that a service requests, in percent,
// that its autoscaler aims for.
const targetUtilization = 75

// autoscaler looks at the service's own container: the proxy beside it has
// requests of its own.
func (b *builder) autoscaler(service naming.Service, scaling v1alpha1.Autoscaling) *autoscalingv2.HorizontalPodAutoscaler {
	name := b.names.Workload(service)
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: autoscalingv2.SchemeGroupVersion.String(), Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: b.meta(name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: rollouts.SchemeGroupVersion.String(), Kind: "Rollout", Name: name},
			MinReplicas:    &scaling.Min,
			MaxReplicas:    scaling.Max,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ContainerResourceMetricSourceType,
				ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
					Container: string(service), Name: corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(targetUtilization))},
				},
			}},
		},
	}
}

// disruptionBudget lets a drained node take one pod at a time, and any pod that is
// not ready. A single pod may always go, so it is there whatever the number of pods:
// an autoscaler changes that.
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
