package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// Result is what one check found.
type Result struct {
	Name string
	Mark screen.Mark
	// Text says what is there, Hint what to do where that is not enough.
	Text, Hint string
}

// Group is a set of checks that users choose by name.
type Group struct {
	Name string
	// After is true for what can only be there once the operator is installed.
	After bool
	run   func(context.Context, *checker) []Result
}

// Groups are all checks, in order.
var Groups = []Group{
	{Name: "kubernetes", run: kubernetesVersion},
	{Name: "kinds", run: peerKinds},
	{Name: "controllers", run: controllers},
	{Name: "gateway", run: gateway},
	{Name: "storage", run: storage},
	{Name: "metrics", run: metrics},
	{Name: "operator", After: true, run: operator},
	{Name: "namespace", After: true, run: namespace},
}

// Names of all groups.
func Names() []string {
	var names []string
	for _, group := range Groups {
		names = append(names, group.Name)
	}
	return names
}

// Scope is what is checked.
type Scope struct {
	// Pre leaves out what is there only once the operator is installed.
	Pre bool
	// Only these groups, or all if there are none.
	Only []string
	// Namespace in which a platform is or will be.
	Namespace string
	// GatewayNamespace and GatewayService are the ingress gateway.
	GatewayNamespace, GatewayService string
}

// checker holds what the checks share.
type checker struct {
	Scope
	clientset kubernetes.Interface
	version   *version.Info
	// deployed are all Deployments, once they have been read.
	deployed *deployments
}

// Choose is the groups of a scope.
func (s Scope) Choose() ([]Group, error) {
	for _, name := range s.Only {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no check %q; choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(Groups), func(group Group) bool {
		if len(s.Only) > 0 {
			return !slices.Contains(s.Only, group.Name)
		}
		return s.Pre && group.After
	}), nil
}

// Run makes the checks of a scope. What the user may not read is a result, too;
// an API server that does not answer is an error.
func Run(ctx context.Context, clientset kubernetes.Interface, scope Scope) ([]Result, error) {
	groups, err := scope.Choose()
	if err != nil {
		return nil, err
	}
	c := &checker{Scope: scope, clientset: clientset}
	if c.version, err = clientset.Discovery().ServerVersion(); err != nil {
		return nil, fmt.Errorf("ask the API server for its version: %w", err)
	}
	var results []Result
	for _, group := range groups {
		results = append(results, group.run(ctx, c)...)
	}
	return results, nil
}

// Worst mark of results.
func Worst(results []Result) screen.Mark {
	mark := screen.OK
	for _, result := range results {
		mark = max(mark, result.Mark)
	}
	return mark
}

// Print writes results for a person.
func Print(results []Result, style screen.Style) string {
	width := 0
	for _, result := range results {
		width = max(width, len(result.Name))
	}
	var out strings.Builder
	for _, r := range results {
		fmt.Fprintf(&out, "%s %s  %s\n", style.Mark(r.Mark), style.Bold(screen.Pad(r.Name, width)), r.Text)
		if r.Hint != "" {
			out.WriteString(strings.Repeat(" ", width+4) + style.Dim("→ ") + r.Hint + "\n")
		}
	}
	return out.String()
}

// unreadable is the result of a check that could not be made. A right that the
// user lacks is no fault of the cluster.
func unreadable(name, what string, err error) Result {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return Result{name, screen.Attention, "not checked: you may not read " + what, "ask somebody who may, or have it allowed"}
	}
	return Result{name, screen.Failed, "not checked: " + err.Error(), "is the API server reachable and well?"}
}
