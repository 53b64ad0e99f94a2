//go:build e2e && alerts

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// Faults of the operator, and of those who write what it writes.

const (
	operatorNamespace = "blogplatform-system"
	operatorName      = "blogplatform-controller-manager"
)

// somebodyWhoWritesAgainAndAgain is put right each time.
func somebodyWhoWritesAgainAndAgain(t *testing.T, b *board, env environment) {
	repeats := b.begins(t, env, "BlogDriftRepeats")
	repeats.values["$KIND"] = "PodDisruptionBudget"
	t.Cleanup(func() { meddle(t, env, `{"metadata":{"annotations":{"example.com/checked":null}}}`) })
	for n := range 12 {
		meddle(t, env, fmt.Sprintf(`{"metadata":{"annotations":{"example.com/checked":"%d"}},"spec":{"maxUnavailable":%d}}`, n, n+2))
		eventually(t, truth, "the operator has put it right", func(ctx context.Context) error { return repaired(ctx, env) })
	}
	if said := repeats.fires(t); !strings.Contains(said, "manager: "+somebody) {
		t.Errorf("the managed fields do not name who else writes: %s", said)
	}
	repeats.advised(t, "Somebody by hand: change `spec` of the BlogPlatform")
	repeats.ends()
}

// somebody is the field manager of changes by hand.
const somebody = "somebody"

// meddle changes the disruption budget of the frontend, as somebody does who is not the operator.
func meddle(t *testing.T, env environment, patch string) {
	t.Helper()
	_, err := clientset.PolicyV1().PodDisruptionBudgets(env.namespace).Patch(context.WithoutCancel(t.Context()), platform+"-frontend",
		types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: somebody})
	if err != nil {
		t.Fatal(err)
	}
}

// repaired is nil once the budget is what the operator wants.
func repaired(ctx context.Context, env environment) error {
	budget, err := clientset.PolicyV1().PodDisruptionBudgets(env.namespace).Get(ctx, platform+"-frontend", metav1.GetOptions{})
	if err == nil && *budget.Spec.MaxUnavailable != intstr.FromInt32(1) {
		err = fmt.Errorf("maxUnavailable is %s", budget.Spec.MaxUnavailable)
	}
	return err
}

// anOperatorWithoutARight cannot put right what somebody changes. It has the rights of
// another version, as during an upgrade that applied no roles.
func anOperatorWithoutARight(t *testing.T, b *board, env environment) {
	roles := clientset.RbacV1().ClusterRoles()
	role, err := roles.Get(t.Context(), "blogplatform-manager-role", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(rules []rbacv1.PolicyRule) {
		t.Helper()
		ctx := context.WithoutCancel(t.Context())
		live, err := roles.Get(ctx, role.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		live.Rules = rules
		if _, err := roles.Update(ctx, live, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { write(role.Rules) })
	write(withoutBudgets(role.Rules))
	eventually(t, truth, "the operator lacks the right", func(ctx context.Context) error {
		may, err := mayPatchBudgets(ctx, env)
		if err == nil && may {
			err = errors.New("it has it")
		}
		return err
	})
	failing := b.begins(t, operator, "BlogOperatorErrors")
	meddle(t, env, `{"spec":{"maxUnavailable":2}}`)
	failing.tells(t, "Ready says what is forbidden", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionReady, metav1.ConditionFalse, "", "forbids it")
	})
	if said := failing.fires(t); !strings.Contains(said, "is forbidden") {
		t.Errorf("the log does not name the right that is missing: %s", said)
	}
	failing.advised(t, "apply those of its own")
	write(role.Rules)
	failing.ends()
	eventually(t, 2*time.Minute, "the operator has put it right", func(ctx context.Context) error { return repaired(ctx, env) })
	eventually(t, 2*time.Minute, env.namespace+" Ready", func(ctx context.Context) error { return ready(ctx, env) })
}

// withoutBudgets are rules without the right to write disruption budgets.
func withoutBudgets(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var fewer []rbacv1.PolicyRule
	for _, r := range rules {
		r = *r.DeepCopy()
		if slices.Contains(r.Resources, "poddisruptionbudgets") {
			r.Verbs = []string{"get", "list", "watch"}
		}
		fewer = append(fewer, r)
	}
	return fewer
}

func mayPatchBudgets(ctx context.Context, env environment) (bool, error) {
	review, err := clientset.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + operatorNamespace + ":" + operatorName,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: env.namespace, Verb: "patch", Group: "policy", Resource: "poddisruptionbudgets"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// anOperatorWithoutAPod looks after nobody.
func anOperatorWithoutAPod(t *testing.T, b *board, _ environment) {
	down := b.begins(t, operator, "BlogOperatorDown")
	t.Cleanup(func() { scale(t, operatorNamespace, operatorName, 1) })
	scale(t, operatorNamespace, operatorName, 0)
	down.fires(t)
	down.advised(t, "There is no pod")
	if said := down.follows(t, "kubectl get deployment", ""); !strings.Contains(said, "0/0") {
		t.Errorf("the Deployment does not say that it asks for none: %s", said)
	}
	down.follows(t, "kubectl events", "")
	scale(t, operatorNamespace, operatorName, 1)
	down.resolves(t, 3*time.Minute)
	for _, env := range environments {
		eventually(t, 5*time.Minute, env.namespace+" Ready", func(ctx context.Context) error { return ready(ctx, env) })
	}
}

const (
	// queue is a namespace with many platforms, and the name of what keeps them waiting.
	queue  = "e2e-queue"
	queued = 40
)

// aWebhookThatDoesNotAnswer has each write of a platform wait for ten seconds. The
// platforms are suspended, so that nothing is made of them.
func aWebhookThatDoesNotAnswer(t *testing.T, b *board, _ environment) {
	ctx := context.WithoutCancel(t.Context())
	if err := cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: queue}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: queue}}); err != nil {
			t.Error(err)
		}
	})
	silentServer(t)
	webhooks := clientset.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	stop := func() {
		if err := webhooks.Delete(ctx, queue, metav1.DeleteOptions{}); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { stop(); deletePlatforms(t) })
	if _, err := webhooks.Create(ctx, silentWebhook(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	grows := b.begins(t, operator, "BlogOperatorQueueGrows")
	createPlatforms(t)
	said := grows.fires(t)
	if !strings.Contains(said, "failed calling webhook") {
		t.Errorf("the log does not name the webhook: %s", said)
	}
	grows.advised(t, `"failed calling webhook" in the log`)
	if said := grows.follows(t, "kubectl get validatingwebhookconfigurations", ""); !strings.Contains(said, queue) {
		t.Errorf("the webhook is not listed: %s", said)
	}
	stop()
	grows.resolves(t, 3*time.Minute)
}

// silentServer takes connections and never says anything.
func silentServer(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	pod := probePod(t, queue, queue, map[string]string{"app": queue, "sidecar.istio.io/inject": "false"})
	pod.Spec.ServiceAccountName = "default"
	pod.Spec.Containers[0].Command = []string{"python3", "-c", "import socket, time; s = socket.create_server(('', 8443), backlog=1024); time.sleep(10 ** 6)"}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: queue, Name: queue},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": queue}, Ports: []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}}},
	}
	eventually(t, truth, "the namespace has its ServiceAccount", func(ctx context.Context) error {
		_, err := clientset.CoreV1().ServiceAccounts(queue).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	for _, object := range []client.Object{pod, service} {
		if err := cluster.Create(ctx, object); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 2*time.Minute, "the silent server runs", func(ctx context.Context) error {
		endpoints, err := clientset.DiscoveryV1().EndpointSlices(queue).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + queue})
		if err == nil && (len(endpoints.Items) == 0 || len(endpoints.Items[0].Endpoints) == 0) {
			err = errors.New("it has no address")
		}
		return err
	})
}

// silentWebhook asks the silent server about each write of a platform in that namespace.
func silentWebhook() *admissionv1.ValidatingWebhookConfiguration {
	return &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: queue},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "silent.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionv1.SideEffectClassNone),
			ClientConfig:      admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: queue, Name: queue}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: queue}},
			FailurePolicy:     new(admissionv1.Fail), TimeoutSeconds: new(int32(10)),
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Update},
				Rule: admissionv1.Rule{
					APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"blogplatforms", "blogplatforms/status"},
				},
			}},
		}},
	}
}

// createPlatforms makes suspended ones, each with a host of its own.
func createPlatforms(t *testing.T) {
	t.Helper()
	spec := get(t, staging).Spec
	for n := range queued {
		bp := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: queue, Name: fmt.Sprint("queued-", n)}, Spec: *spec.DeepCopy()}
		bp.Spec.Hosts, bp.Spec.Suspend = []string{fmt.Sprintf("queued-%d.blog.localhost", n)}, new(true)
		if err := cluster.Create(t.Context(), bp); err != nil {
			t.Fatal(err)
		}
	}
}

// deletePlatforms deletes them. Nothing was made of them, so nothing has to wait for the operator.
func deletePlatforms(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := cluster.DeleteAllOf(ctx, &v1alpha1.BlogPlatform{}, client.InNamespace(queue)); err != nil {
		t.Error(err)
	}
	var list v1alpha1.BlogPlatformList
	eventually(t, 2*time.Minute, "the platforms are gone", func(ctx context.Context) error {
		if err := cluster.List(ctx, &list, client.InNamespace(queue)); err != nil {
			return err
		}
		for i := range list.Items {
			bare := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
			if err := cluster.Patch(ctx, &list.Items[i], bare); client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		if len(list.Items) > 0 {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
}
