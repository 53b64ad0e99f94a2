package course

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
)

// Reasons of a platform that may not have its hosts.
const (
	ReasonHostConflict = "HostConflict"
	// ReasonHostNotAllowed: the platform's namespace may not claim a host.
	ReasonHostNotAllowed = "HostNotAllowed"
)

// hostProblem is why the platform may not have its hosts; nil if it may. With a
// problem nothing is written.
func hostProblem(platform *v1alpha1.BlogPlatform, hosts observed.Hosts) *plan.Problem {
	for _, host := range platform.Spec.Hosts {
		if hosts.Limited && !within(host, hosts.Domains) {
			return &plan.Problem{Reason: ReasonHostNotAllowed, Message: fmt.Sprintf(
				"spec.hosts: %s is in none of the domains that namespace %s may use (%s); take it out, or have the annotation %s of the namespace changed",
				host, platform.Namespace, message.Quote(hosts.Domains), naming.AnnotationDomains)}
		}
	}
	own := observed.Claim{Platform: keyOf(platform), Created: platform.CreationTimestamp, Serves: hosts.Serves}
	for _, host := range platform.Spec.Hosts {
		if problem := hostConflict(host, own, hosts.Claims); problem != nil {
			return problem
		}
	}
	return nil
}

// within tells whether a host is one of the domains, which are separated by commas, or below one.
func within(host, domains string) bool {
	for domain := range strings.SplitSeq(domains, ",") {
		domain = strings.ToLower(strings.TrimSpace(domain))
		if domain != "" && (host == domain || strings.HasSuffix(host, "."+domain)) {
			return true
		}
	}
	return false
}

// hostConflict is nil if a platform may have the host: it serves it, or nobody does and
// its claim is the oldest. An older platform gets no host that another one serves: it
// may have been created again, or have added the host only now.
func hostConflict(host string, own observed.Claim, others []observed.Claim) *plan.Problem {
	serves := slices.Contains(own.Serves, host)
	for _, other := range others {
		if !slices.Contains(other.Hosts, host) && !slices.Contains(other.Serves, host) {
			continue
		}
		theirs := slices.Contains(other.Serves, host)
		switch {
		case theirs && !serves:
			return &plan.Problem{Reason: ReasonHostConflict, Message: fmt.Sprintf(
				"spec.hosts: %s is served by BlogPlatform %s, which keeps it; take it out of one of the two", host, other.Platform)}
		case theirs == serves && older(other, own):
			return &plan.Problem{Reason: ReasonHostConflict, Message: fmt.Sprintf(
				"spec.hosts: %s belongs to the older BlogPlatform %s; take it out of one of the two", host, other.Platform)}
		}
	}
	return nil
}

// older orders claims by the age of their platforms; within a second by namespace and name.
func older(a, b observed.Claim) bool {
	if !a.Created.Equal(&b.Created) {
		return a.Created.Before(&b.Created)
	}
	return a.Platform.String() < b.Platform.String()
}

func keyOf(platform *v1alpha1.BlogPlatform) types.NamespacedName {
	return types.NamespacedName{Namespace: platform.Namespace, Name: platform.Name}
}
