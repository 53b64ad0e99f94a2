package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/stage"
)

// sidecar is the native sidecar that Istio's webhook adds to a pod.
const sidecar = "istio-proxy"

// injected caches which namespaces give pods a sidecar, with the resourceVersion at which
// that was checked: after a change of labels it is checked again. The entry of a namespace
// is freed with the first of its platforms that is deleted.
type injected struct{ versions sync.Map }

// dataPlane tells whether the platform's pods have sidecars or, before there
// are any, whether they would get one.
func (e *enactment) dataPlane(ctx context.Context, blockedBy string) ([]stage.Outcome, error) {
	verdict, known := e.livePods()
	if !known {
		if blockedBy != "" || e.suspended() {
			return nil, nil
		}
		var err error
		if verdict, err = e.dryRun(ctx); err != nil {
			return nil, err
		}
	}
	if verdict.Reason == reasonSidecarMissing && e.MeshDataPlane == MeshDataPlaneAbsent {
		verdict = ready.Verdict{State: ready.Warning, Reason: reasonDataPlaneAbsent,
			Message: "pods run without sidecars, as the operator's --mesh-dataplane=absent allows: no mesh policy is enforced"}
	}
	if !verdict.Good() {
		e.result.Poll = true
	}
	return []stage.Outcome{{Condition: v1alpha1.ConditionMeshReady, Gates: true, Verdict: verdict}}, nil
}

// livePods judges by the pods that run, those of the database too: strict peers
// refuse one that has no sidecar. Without pods nothing is known.
func (e *enactment) livePods() (verdict ready.Verdict, known bool) {
	var without []string
	for _, pod := range slices.Concat(e.state.Pods, e.state.Instances) {
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		known = true
		if !hasSidecar(&pod) {
			without = append(without, pod.Name)
		}
	}
	if len(without) > 0 {
		return failed(reasonSidecarMissing, fmt.Sprintf("Pod %s/%s has no sidecar; %s, and delete the pod", e.names.Namespace, slices.Min(without), e.howToInject())), true
	}
	return ready.Verdict{State: ready.Ready, Reason: reasonSidecarsInjected}, known
}

func (e *enactment) howToInject() string {
	return fmt.Sprintf("label namespace %s istio-injection=enabled, see that istiod runs with native sidecars", e.names.Namespace)
}

func hasSidecar(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == sidecar })
}

// dryRun creates a pod of the frontend as a dry run, to see whether it gets a sidecar.
func (e *enactment) dryRun(ctx context.Context) (ready.Verdict, error) {
	namespace := kube.Metadata(kube.Namespaces)
	if err := e.client.Get(ctx, client.ObjectKey{Name: e.names.Namespace}, namespace); err != nil {
		return ready.Verdict{}, fmt.Errorf("read namespace %s: %w", e.names.Namespace, err)
	}
	injects := ready.Verdict{State: ready.Ready, Reason: reasonSidecarsInjected}
	if version, ok := e.injected.versions.Load(namespace.Name); ok && version == namespace.ResourceVersion {
		return injects, nil
	}
	child, pod, err := e.frontendPod()
	if err != nil {
		return ready.Verdict{}, err
	}
	err = e.client.Create(ctx, pod, client.DryRunAll)
	switch {
	case err != nil:
		verdict := e.writeFailed(child, fmt.Errorf("try a pod of %s: %w", fields.Name(child.Object), err))
		if verdict.State == "" {
			verdict = ready.Verdict{State: ready.Unknown, Reason: reasonNotChecked, Message: "whether pods get a sidecar could not be tried yet"}
		}
		return verdict, nil
	case !hasSidecar(pod):
		return failed(reasonSidecarMissing, fmt.Sprintf("pods of namespace %s get no sidecar; %s", e.names.Namespace, e.howToInject())), nil
	}
	e.injected.versions.Store(namespace.Name, namespace.ResourceVersion)
	return injects, nil
}

// frontendPod is a pod like those of the frontend's Rollout.
func (e *enactment) frontendPod() (plan.Child, *corev1.Pod, error) {
	for _, child := range e.plan.Children {
		if child.Object.GetKind() != "Rollout" || child.Object.GetName() != e.names.Workload(naming.Frontend) {
			continue
		}
		spec, _, err := unstructured.NestedMap(child.Object.Object, "spec", "template")
		if err != nil {
			return child, nil, fmt.Errorf("pod template of %s: %w", fields.Name(child.Object), err)
		}
		var template corev1.PodTemplateSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &template); err != nil {
			return child, nil, fmt.Errorf("pod template of %s: %w", fields.Name(child.Object), err)
		}
		return child, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: child.Object.GetName() + "-", Namespace: child.Object.GetNamespace(), Labels: template.Labels, Annotations: template.Annotations},
			Spec:       template.Spec,
		}, nil
	}
	return plan.Child{}, nil, fmt.Errorf("the plan of BlogPlatform %s/%s has no frontend", e.names.Namespace, e.names.Name)
}
