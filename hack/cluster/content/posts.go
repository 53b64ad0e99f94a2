package content

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/component"
)

// Posts of the two blogs, for people to read.
var (
	StagingPosts    = staging.posts()
	ProductionPosts = production.posts()
)

// posts is the component that fills a blog with demo posts.
func (e environment) posts() component.Component {
	return component.Component{
		Name: e.name + "-posts", Needs: []string{e.name}, Namespaces: []string{e.namespace},
		Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error { return e.startSeed(ctx, c) },
		Ready: func(ctx context.Context, c *component.Cluster) error {
			return c.AwaitCondition(ctx, "batch/v1", "Job", e.namespace, seedJobName, "Complete")
		},
	}
}

// seedJobName is the name of the Job that writes the demo posts of a blog.
const seedJobName = "blog-seed"

// startSeed runs the content service's own seed command in a pod like those of the service.
func (e environment) startSeed(ctx context.Context, c *component.Cluster) error {
	platform, err := readSample(c, e)
	if err != nil {
		return err
	}
	rollout := &unstructured.Unstructured{}
	rollout.SetAPIVersion("argoproj.io/v1alpha1")
	rollout.SetKind("Rollout")
	key := client.ObjectKey{Namespace: e.namespace, Name: platform.GetName() + "-content"}
	if err := c.Client.Get(ctx, key, rollout); err != nil {
		return err
	}
	fields, _, err := unstructured.NestedMap(rollout.Object, "spec", "template")
	if err != nil {
		return err
	}
	var template corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &template); err != nil {
		return err
	}
	_, err = c.Clientset.BatchV1().Jobs(e.namespace).Create(ctx, seedJob(e.namespace, seedJobName, template), metav1.CreateOptions{})
	return client.IgnoreAlreadyExists(err)
}

func seedJob(namespace, name string, template corev1.PodTemplateSpec) *batchv1.Job {
	// Without its labels the pod is the service's by identity, and gets none of its requests.
	template.Labels = nil
	template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	container := &template.Spec.Containers[0]
	container.Args = []string{"seed", "--force"}
	container.LivenessProbe, container.ReadinessProbe, container.StartupProbe, container.Ports = nil, nil, nil, nil
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: batchv1.JobSpec{Template: template}}
}
