package faker

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// injectorObjects are the namespace in which the injector is tried, and a policy
// that adds the native sidecar as Istio's webhook does.
var injectorObjects = []string{`
apiVersion: v1
kind: Namespace
metadata: {name: sidecar-injector-check, labels: {istio-injection: enabled}}
`, `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: sidecar-injector}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {istio-injection: enabled}}
    objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}]}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        (has(object.spec.initContainers) ? [] : [JSONPatch{op: "add", path: "/spec/initContainers", value: []}]) +
        [JSONPatch{op: "add", path: "/spec/initContainers/0", value: Object.spec.initContainers{
        name: "istio-proxy", image: "istio/proxyv2", restartPolicy: "Always",
        securityContext: Object.spec.initContainers.securityContext{
        allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1337, runAsGroup: 1337,
        capabilities: Object.spec.initContainers.securityContext.capabilities{drop: ["ALL"]}}}}]
`, `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecar-injector}
spec: {policyName: sidecar-injector}
`}

// InstallSidecarInjector makes pods get an istio-proxy container in namespaces
// labelled istio-injection=enabled, and waits until they do.
func InstallSidecarInjector(ctx context.Context, c client.Client) error {
	for _, text := range injectorObjects {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			return fmt.Errorf("sidecar injector: %w", err)
		}
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(UserAgent), client.ForceOwnership); err != nil {
			return fmt.Errorf("sidecar injector: applying %s: %w", u.GetKind(), err)
		}
	}
	err := wait.PollUntilContextTimeout(ctx, retry, time.Minute, true, func(ctx context.Context) (bool, error) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "sidecar-injector-check", Name: "check"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "check", Image: "check"}}},
		}
		if err := c.Create(ctx, pod, client.DryRunAll); err != nil {
			return false, err
		}
		return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "istio-proxy" }), nil
	})
	if err != nil {
		return fmt.Errorf("sidecar injector: waiting for a pod with sidecar: %w", err)
	}
	return nil
}
