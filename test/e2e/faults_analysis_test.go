//go:build e2e && (faults || alerts)

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// Faults of the load that an analysis sends to a canary: none of them says anything of the release.

// evictALoad of the release under way, and wait until it begins again in another pod of its Job.
func evictALoad(t *testing.T, env environment) {
	t.Helper()
	var evicted corev1.Pod
	eventually(t, 5*time.Minute, "the pod of a load evicted", func(ctx context.Context) error {
		loads := podsOf(t, env.namespace, "app.kubernetes.io/name=load")
		if len(loads) == 0 {
			return errors.New("no load runs")
		}
		evicted = loads[0]
		return clientset.PolicyV1().Evictions(env.namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: env.namespace, Name: evicted.Name}})
	})
	eventually(t, 2*time.Minute, "another pod of its Job", func(ctx context.Context) error {
		pods, err := clientset.CoreV1().Pods(env.namespace).List(ctx, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + evicted.Labels[batchv1.JobNameLabel]})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if pod.UID != evicted.UID {
				return nil
			}
		}
		return fmt.Errorf("%d pods, and none but %s", len(pods.Items), evicted.Name)
	})
}

// aLoadWithoutANode asks for more than any node has, as the frontend does whose resources it takes.
func aLoadWithoutANode(t *testing.T, env environment) {
	settle(t, env)
	loadsThatDoNotRun(t, env, "v0.0.0-no-node", "5k", "Insufficient cpu")
}

// aLoadThatAQuotaRefuses asks for more than the quota has left, which suffices for the new pods of services.
func aLoadThatAQuotaRefuses(t *testing.T, env environment) {
	settle(t, env)
	quotas := clientset.CoreV1().ResourceQuotas(env.namespace)
	quota, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("1k")}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := quotas.Delete(context.WithoutCancel(t.Context()), quota.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, truth, "the quota counts", func(ctx context.Context) (err error) {
		if quota, err = quotas.Get(ctx, quota.Name, metav1.GetOptions{}); err != nil {
			return err
		}
		used, counted := quota.Status.Used[corev1.ResourceRequestsCPU]
		if !counted {
			return errors.New("it does not yet")
		}
		used.Add(resource.MustParse("1"))
		quota.Spec.Hard[corev1.ResourceRequestsCPU] = used
		quota, err = quotas.Update(ctx, quota, metav1.UpdateOptions{})
		return err
	})
	loadsThatDoNotRun(t, env, "v0.0.0-quota", "2", "exceeded quota: "+quota.Name)
}

// loadsThatDoNotRun have the release taken back, with the cause, and tried again later.
func loadsThatDoNotRun(t *testing.T, env environment, version, cpu, cause string) {
	t.Helper()
	current := get(t, env).Status.Release.Current.Version
	end := load(t, env, 10)
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version = version
		spec.Services.Frontend.Resources.Requests[corev1.ResourceCPU] = resource.MustParse(cpu)
	})
	awaitBack(t, env, current, 8*time.Minute) // the Job of the load waits three minutes for its pod
	if err := says(t.Context(), env, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", cause); err != nil {
		t.Error(err)
	}
	awaitsRetry(t, env, version, "AnalysisNotRun")
	noFailures(t, env.namespace+", while a load had no pod", end)
}

// awaitsRetry fails the test unless a release has failed for a reason after which it is tried again.
func awaitsRetry(t *testing.T, env environment, version, reason string) {
	t.Helper()
	for _, failure := range get(t, env).Status.Release.Failures {
		if failure.Version == version {
			if failure.Reason != reason || failure.RetryTime == nil {
				t.Errorf("the release failed so: %+v; want reason %s and a time to try again", failure, reason)
			}
			return
		}
	}
	t.Errorf("no failure of %s is remembered", version)
}

// aVeryLongMessage of a policy that refuses the Jobs of loads is copied by Argo Rollouts
// as a whole. The operator shortens it, takes the release back, and tries it again later.
func aVeryLongMessage(t *testing.T, env environment) {
	const version = "v0.0.0-long"
	settle(t, env)
	current := get(t, env).Status.Release.Current.Version
	end := load(t, env, 10)
	deny(t, env, jobs, "load", strings.Repeat("no ", 1667)+"no")
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version = version })
	awaitBack(t, env, current, 8*time.Minute)
	if err := says(t.Context(), env, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "no no no"); err != nil {
		t.Error(err)
	}
	awaitsRetry(t, env, version, "AnalysisError")
	noFailures(t, env.namespace+", while a policy refused its loads", end)
}

var (
	pods = corev1.SchemeGroupVersion.WithResource("pods")
	jobs = batchv1.SchemeGroupVersion.WithResource("jobs")
)

// deny has the API server refuse to create pods, or Jobs with such pods, of a part of a
// platform in its namespace, until they are allowed or the test is over.
func deny(t *testing.T, env environment, resources schema.GroupVersionResource, part, message string) (allow func()) {
	t.Helper()
	name, pod := "e2e-"+env.namespace+"-"+resources.Resource, "object"
	if resources == jobs {
		pod += ".spec.template"
	}
	policies, bindings := clientset.AdmissionregistrationV1().ValidatingAdmissionPolicies(), clientset.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	allow = func() {
		ctx := context.WithoutCancel(t.Context())
		for _, err := range []error{policies.Delete(ctx, name, metav1.DeleteOptions{}), bindings.Delete(ctx, name, metav1.DeleteOptions{})} {
			if client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(allow)
	_, err := policies.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: new(admissionv1.Fail),
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{resources.Group}, APIVersions: []string{resources.Version}, Resources: []string{resources.Resource}},
			}}}},
			Validations: []admissionv1.Validation{{
				Expression: pod + ".metadata.?labels[?'app.kubernetes.io/name'].orValue('') != '" + part + "'", Message: message,
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bindings.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: env.namespace}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return allow
}
