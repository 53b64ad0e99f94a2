package command

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
)

// nowhere is the API server that client-go turns to where no other is configured.
const nowhere = "http://localhost:8080"

// config is that of the chosen cluster, without the low limits that are meant
// for programs that run for long.
func (c *cli) config() (*rest.Config, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	if raw, err := c.flags.ToRawKubeConfigLoader().RawConfig(); err == nil && len(raw.Clusters) == 0 && config.Host == nowhere {
		return nil, errors.New("there is no kubeconfig that names a cluster; set KUBECONFIG or --kubeconfig")
	}
	return kube.Config(config), nil
}

// client reads and writes without asking the cluster first which kinds it
// serves: they are all known, and each question would be a request.
func (c *cli) client() (client.WithWatch, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return clientFor(config)
}

func clientFor(config *rest.Config) (client.WithWatch, error) {
	made, err := client.NewWithWatch(config, client.Options{Scheme: kube.NewScheme(), Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return made, nil
}

func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range plan.Kinds {
		if kind.Kind == "Gateway" { // whose plural the mapper would guess wrong
			m.AddSpecific(kind, kind.GroupVersion().WithResource("gateways"), kind.GroupVersion().WithResource("gateway"), meta.RESTScopeNamespace)
			continue
		}
		m.Add(kind, meta.RESTScopeNamespace)
	}
	for _, kind := range []schema.GroupVersionKind{platform.Kind, corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim")} {
		m.Add(kind, meta.RESTScopeNamespace)
	}
	m.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	return m
}

// namespace is that of the flag, or of the kubeconfig's context.
func (c *cli) namespace() (string, error) {
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("find the namespace: %w", err)
	}
	return namespace, nil
}

// target is what most commands are about: a namespace, and a name or nothing.
func (c *cli) target(args []string) (reader client.WithWatch, namespace, name string, err error) {
	if reader, err = c.client(); err != nil {
		return nil, "", "", err
	}
	if namespace, err = c.namespace(); err != nil {
		return nil, "", "", err
	}
	if len(args) > 0 {
		name = args[0]
	}
	return reader, namespace, name, nil
}

// platform reads the platform that args name, or the only one of the namespace.
func (c *cli) platform(ctx context.Context, args []string) (client.WithWatch, *platform.Platform, error) {
	reader, namespace, name, err := c.target(args)
	if err != nil {
		return nil, nil, err
	}
	p, err := platform.Get(ctx, reader, namespace, name)
	return reader, p, err
}
