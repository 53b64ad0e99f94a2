package check

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// deployments of all namespaces, or why they could not be read.
type deployments struct {
	items []appsv1.Deployment
	err   error
}

// deployments are read once.
func (c *checker) deployments(ctx context.Context) (*deployments, error) {
	if c.deployed == nil {
		list, err := c.clientset.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		c.deployed = &deployments{err: err}
		if err == nil {
			c.deployed.items = list.Items
		}
	}
	return c.deployed, c.deployed.err
}

// state of the Deployment whose name fits, or absent.
func (d *deployments) state(name string, fits func(string) bool, tested *version.Version, absent Result) Result {
	for _, deployment := range d.items {
		if fits(deployment.Name) {
			return judge(name, deployment, tested)
		}
	}
	return absent
}

func judge(name string, deployment appsv1.Deployment, tested *version.Version) Result {
	where, tag := deployment.Namespace+"/"+deployment.Name, tagOf(deployment)
	text := "Deployment " + where
	if tag != "" {
		text += " " + tag
	}
	if deployment.Status.AvailableReplicas == 0 {
		return Result{name, screen.Failed, text + " has no pod that is available", fmt.Sprintf("kubectl describe deployment -n %s %s", deployment.Namespace, deployment.Name)}
	}
	running, err := version.ParseGeneric(tag)
	if err == nil && tested != nil && running.LessThan(version.MajorMinor(tested.Major(), tested.Minor())) {
		return Result{name, screen.Attention, text, fmt.Sprintf("it is older than %d.%d, with which the operator is tested: upgrade it", tested.Major(), tested.Minor())}
	}
	return Result{Name: name, Text: text}
}

// tagOf the image of the first container; a digest alone has none.
func tagOf(deployment appsv1.Deployment) string {
	containers := deployment.Spec.Template.Spec.Containers
	if len(containers) == 0 {
		return ""
	}
	image, _, _ := strings.Cut(containers[0].Image, "@")
	_, tag, found := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	if !found {
		return ""
	}
	return tag
}

// operator looks for what `make deploy` or the chart installs.
func operator(ctx context.Context, c *checker) []Result {
	results := []Result{operatorKind(c)}
	all, err := c.deployments(ctx)
	if err != nil {
		return append(results, unreadable("Operator", "Deployments of all namespaces", err))
	}
	return append(results, all.state("Operator", func(name string) bool { return strings.Contains(name, "blogplatform") }, nil,
		Result{"Operator", screen.Failed, "no Deployment of the operator", "install it: make deploy"}))
}

func operatorKind(c *checker) Result {
	const name = "BlogPlatform kind"
	group := v1alpha1.GroupVersion.String()
	_, err := c.clientset.Discovery().ServerResourcesForGroupVersion(group)
	switch {
	case apierrors.IsNotFound(err):
		return Result{name, screen.Failed, "nobody serves " + group, "install its CRD: make install"}
	case err != nil:
		return unreadable(name, group, err)
	}
	return Result{Name: name, Text: group}
}
