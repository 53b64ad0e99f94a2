package cluster

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

const fieldOwner = "local-cluster"

// apply applies objects in order.
func (c *Cluster) apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner(fieldOwner), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("applying %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
	}
	return nil
}

// applyYAML applies a text in which each $NAME is replaced by its value.
func (c *Cluster) applyYAML(ctx context.Context, text string, values ...string) error {
	objects, err := controlplane.ParseObjects([]byte(strings.NewReplacer(values...).Replace(text)))
	if err != nil {
		return err
	}
	return c.apply(ctx, objects...)
}

// awaitDeployment waits until all replicas of a Deployment are ready.
func (c *Cluster) awaitDeployment(ctx context.Context, namespace, name string) error {
	return poll(ctx, "Deployment "+namespace+"/"+name, func(ctx context.Context) (bool, error) {
		deployment, err := c.Clientset.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, client.IgnoreNotFound(err)
		}
		c.progress.Detail(fmt.Sprintf("%s: %d of %d pods ready", name, deployment.Status.ReadyReplicas, deployment.Status.Replicas))
		return deployment.Status.ObservedGeneration == deployment.Generation && deployment.Status.UpdatedReplicas > 0 &&
			deployment.Status.ReadyReplicas == deployment.Status.Replicas && deployment.Status.UpdatedReplicas == deployment.Status.Replicas, nil
	})
}

// awaitDaemonSet waits until a DaemonSet's pod is ready on the node.
func (c *Cluster) awaitDaemonSet(ctx context.Context, namespace, name string) error {
	return poll(ctx, "DaemonSet "+namespace+"/"+name, func(ctx context.Context) (bool, error) {
		set, err := c.Clientset.AppsV1().DaemonSets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, client.IgnoreNotFound(err)
		}
		return set.Status.ObservedGeneration == set.Generation && set.Status.DesiredNumberScheduled > 0 && set.Status.NumberReady == set.Status.DesiredNumberScheduled, nil
	})
}

// awaitCondition waits until an object has a condition with status True.
func (c *Cluster) awaitCondition(ctx context.Context, apiVersion, kind, namespace, name, condition string) error {
	return poll(ctx, fmt.Sprintf("%s %s/%s to be %s", kind, namespace, name, condition), func(ctx context.Context) (bool, error) {
		object := &unstructured.Unstructured{}
		object.SetAPIVersion(apiVersion)
		object.SetKind(kind)
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		for _, item := range conditions {
			fields, _ := item.(map[string]any)
			if fields["type"] == condition {
				c.progress.Detail(fmt.Sprint(fields["reason"], ": ", fields["message"]))
				return fields["status"] == string(corev1.ConditionTrue), nil
			}
		}
		return false, nil
	})
}

// namespace makes a namespace with labels.
func namespace(name string, labels map[string]string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	object.SetName(name)
	object.SetLabels(labels)
	return object
}
