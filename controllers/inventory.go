package controllers

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/plan"
)

// tracked tells of a child that is known by more than its labels: it has no
// ownerReference, and is in another namespace or cannot be made again.
func (p *pass) tracked(child plan.Child) bool {
	return child.HoldsData() || child.Object.GetNamespace() != p.names.Namespace
}

// announce writes the lines of all tracked children before the first of them is
// applied, so that after a crash it is known what may have been written.
func (p *pass) announce(ctx context.Context) error {
	if p.suspended() {
		return nil
	}
	p.holdHosts()
	lines := p.staleInventory()
	for _, child := range p.plan.Children {
		if !p.tracked(child) {
			continue
		}
		var live *unstructured.Unstructured
		if p.watches.served(ctx, child.Object.GroupVersionKind()) {
			var err error
			if live, err = p.find(ctx, child.Object); err != nil {
				return err
			}
		}
		lines = append(lines, p.line(child, live))
	}
	p.platform.Status.Inventory = sorted(lines)
	return p.writeStatus(ctx)
}

// line of a child in the inventory: with its UID once the object is known to be ours.
func (p *pass) line(child plan.Child, live *unstructured.Unstructured) string {
	if live != nil && p.names.Owns(live.GetLabels()) {
		return apply.Entry(live)
	}
	return apply.Entry(child.Object)
}

// staleInventory are the lines of children that are not planned any more.
func (p *pass) staleInventory() []string {
	planned := map[string]bool{}
	for _, child := range p.plan.Children {
		planned[withoutUID(apply.Entry(child.Object))] = true
	}
	var stale []string
	for _, line := range p.platform.Status.Inventory {
		if !planned[withoutUID(line)] {
			stale = append(stale, line)
		}
	}
	return stale
}

// keepInventory puts the children that were found, and what could not be
// deleted yet, into the status.
func (p *pass) keepInventory(survivors []string) {
	if p.suspended() {
		return
	}
	if p.complete {
		p.platform.Status.Hosts = sorted(slices.Clone(p.platform.Spec.Hosts))
	}
	lines := survivors
	for _, o := range p.result.Outcomes {
		if o.Child.Object != nil && p.tracked(o.Child) {
			lines = append(lines, p.line(o.Child, o.Live))
		}
	}
	p.platform.Status.Inventory = sorted(lines)
}

// without are the lines that are not among others.
func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

func withoutUID(line string) string { return line[:strings.LastIndex(line, "/")+1] }

func sorted(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}
