package kube

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// newCache makes a cache that may have settings of its own for kinds whose CRDs are
// not there yet. Without scopes, to make it would fail.
func newCache(config *rest.Config, options cache.Options) (cache.Cache, error) {
	options.Mapper = scopes{options.Mapper}
	return cache.New(config, options)
}

// scopes knows whether the kinds of cert-manager are namespaced before the cluster does.
type scopes struct{ meta.RESTMapper }

// RESTMapping of a kind, or as much as is known of one that the cluster does not serve.
func (s scopes) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	mapping, err := s.RESTMapper.RESTMapping(kind, versions...)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	switch kind {
	case Certificates.GroupKind():
		return &meta.RESTMapping{GroupVersionKind: Certificates, Scope: meta.RESTScopeNamespace}, nil
	case Issuers.GroupKind():
		return &meta.RESTMapping{GroupVersionKind: Issuers, Scope: meta.RESTScopeNamespace}, nil
	case ClusterIssuers.GroupKind():
		return &meta.RESTMapping{GroupVersionKind: ClusterIssuers, Scope: meta.RESTScopeRoot}, nil
	}
	return mapping, err
}
