package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

// indexHosts finds platforms by the hosts that they claim or serve.
const indexHosts = "spec.hosts"

func hostsOf(object client.Object) []string {
	platform, ok := object.(*v1alpha1.BlogPlatform)
	if !ok {
		return nil
	}
	return sorted(slices.Concat(platform.Spec.Hosts, platform.Status.Hosts))
}

// claim is what one platform asks for and serves.
type claim struct {
	platform *v1alpha1.BlogPlatform
	// serves are the hosts that it leads readers to.
	serves []string
}

// hostProblem is why the platform may not have its hosts. It writes nothing then.
func (p *pass) hostProblem(ctx context.Context) (*plan.Problem, error) {
	if problem, err := p.hostNotAllowed(ctx); problem != nil || err != nil {
		return problem, err
	}
	for _, host := range p.platform.Spec.Hosts {
		rivals, err := p.claimants(ctx, host)
		if err != nil {
			return nil, err
		}
		if len(rivals) < 2 {
			continue
		}
		own, others, err := p.claimsOf(ctx, rivals)
		if err != nil {
			return nil, err
		}
		if problem := hostConflict(host, own, others); problem != nil {
			return problem, nil
		}
	}
	return nil, nil
}

// hostNotAllowed names the first host that the platform's namespace may not claim.
func (p *pass) hostNotAllowed(ctx context.Context) (*plan.Problem, error) {
	namespace := kube.Metadata(kube.Namespaces)
	err := p.client.Get(ctx, client.ObjectKey{Name: p.names.Namespace}, namespace)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Namespace %s: %w", p.names.Namespace, err)
	}
	domains, limited := namespace.GetAnnotations()[naming.AnnotationDomains]
	if !limited {
		return nil, nil
	}
	for _, host := range p.platform.Spec.Hosts {
		if !within(host, domains) {
			return &plan.Problem{Reason: reasonHostNotAllowed, Message: fmt.Sprintf(
				"spec.hosts: %s is in none of the domains that namespace %s may use (%s); take it out, or have the annotation %s of the namespace changed",
				host, p.names.Namespace, message.Quote(domains), naming.AnnotationDomains)}, nil
		}
	}
	return nil, nil
}

// within tells whether a host is one of the domains, or below one. They are separated by commas.
func within(host, domains string) bool {
	for domain := range strings.SplitSeq(domains, ",") {
		domain = strings.ToLower(strings.TrimSpace(domain))
		if domain != "" && (host == domain || strings.HasSuffix(host, "."+domain)) {
			return true
		}
	}
	return false
}

// hostConflict is nil if the platform may have the host: it serves it, or nobody
// does and its claim is the oldest. That a platform is older gives it no right
// to what another one serves: it may have been created anew, or claim the host only now.
func hostConflict(host string, own claim, others []claim) *plan.Problem {
	serves := slices.Contains(own.serves, host)
	for _, other := range others {
		theirs := slices.Contains(other.serves, host)
		switch {
		case theirs && !serves:
			return &plan.Problem{Reason: reasonHostConflict, Message: fmt.Sprintf(
				"spec.hosts: %s is served by BlogPlatform %s, which keeps it; take it out of one of the two", host, key(other.platform))}
		case theirs == serves && older(other.platform, own.platform):
			return &plan.Problem{Reason: reasonHostConflict, Message: fmt.Sprintf(
				"spec.hosts: %s belongs to the older BlogPlatform %s; take it out of one of the two", host, key(other.platform))}
		}
	}
	return nil
}

// claimsOf are those of the platform and of its rivals.
func (p *pass) claimsOf(ctx context.Context, rivals []v1alpha1.BlogPlatform) (own claim, others []claim, err error) {
	for i := range rivals {
		rival := &rivals[i]
		if rival.UID == p.platform.UID {
			continue
		}
		serves, err := p.served(ctx, rival)
		if err != nil {
			return own, nil, err
		}
		others = append(others, claim{rival, serves})
	}
	serves, err := p.served(ctx, p.platform)
	return claim{p.platform, serves}, others, err
}

// served are the hosts that a platform leads readers to. One that was restored
// has no status, but its Gateway may be there.
func (p *pass) served(ctx context.Context, platform *v1alpha1.BlogPlatform) ([]string, error) {
	if len(platform.Status.Hosts) > 0 {
		return platform.Status.Hosts, nil
	}
	kind := schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"}
	if !p.watches.served(ctx, kind) {
		return nil, nil
	}
	gateway, err := p.find(ctx, named(kind, platform.Namespace, platform.Name))
	if err != nil || gateway == nil || !naming.Of(client.ObjectKeyFromObject(platform)).Owns(gateway.GetLabels()) {
		return nil, err
	}
	var hosts []string
	servers, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	for _, server := range servers {
		fields, _ := server.(map[string]any)
		names, _, _ := unstructured.NestedStringSlice(fields, "hosts")
		for _, name := range names {
			hosts = append(hosts, name[strings.Index(name, "/")+1:])
		}
	}
	return sorted(hosts), nil
}

// holdHosts notes the hosts as those of the platform, before anything leads
// readers to it. Those that it gives up it keeps until nothing does any more.
func (p *pass) holdHosts() {
	p.platform.Status.Hosts = hostsOf(p.platform)
}

func (r *Reconciler) claimants(ctx context.Context, host string) ([]v1alpha1.BlogPlatform, error) {
	var claimants v1alpha1.BlogPlatformList
	if err := r.client.List(ctx, &claimants, client.MatchingFields{indexHosts: host}); err != nil {
		return nil, fmt.Errorf("list BlogPlatforms of host %s: %w", host, err)
	}
	return claimants.Items, nil
}

// older orders platforms by age; those of the same second by namespace and name.
func older(a, b *v1alpha1.BlogPlatform) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return key(a).String() < key(b).String()
}

// rivals are the platforms that share a host with the one that changed.
func (r *Reconciler) rivals(ctx context.Context, changed client.Object) []reconcile.Request {
	seen := map[types.NamespacedName]bool{client.ObjectKeyFromObject(changed): true}
	var requests []reconcile.Request
	for _, host := range hostsOf(changed) {
		claimants, err := r.claimants(ctx, host)
		if err != nil {
			return requests // the cache is going down
		}
		for _, other := range claimants {
			if !seen[key(&other)] {
				seen[key(&other)] = true
				requests = append(requests, request(key(&other)))
			}
		}
	}
	return requests
}

// holding lets through that a platform serves other hosts than before.
func holding() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.BlogPlatform)
		after, same := e.ObjectNew.(*v1alpha1.BlogPlatform)
		return !ok || !same || !slices.Equal(before.Status.Hosts, after.Status.Hosts)
	}}
}
