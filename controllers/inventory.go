package controllers

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/plan"
)

// tracked tells whether a child is in the inventory: it has no ownerReference, and
// is in another namespace or holds data.
func (s *scope) tracked(child plan.Child) bool {
	return child.HoldsData() || child.Object.GetNamespace() != s.names.Namespace
}

// line of a child in the inventory: with its UID once the object is known to be ours.
func (s *scope) line(child plan.Child, live *unstructured.Unstructured) string {
	if live != nil && s.names.Owns(live.GetLabels()) {
		return apply.Entry(live)
	}
	return apply.Entry(child.Object)
}

// notPlanned are the inventory lines of children that are not planned any more.
func notPlanned(inventory []string, planned plan.Plan) []string {
	entries := map[string]bool{}
	for _, child := range planned.Children {
		entries[withoutUID(apply.Entry(child.Object))] = true
	}
	return slices.DeleteFunc(slices.Clone(inventory), func(line string) bool { return entries[withoutUID(line)] })
}

// without are the lines that are not among others.
func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

func withoutUID(line string) string { return line[:strings.LastIndex(line, "/")+1] }

// sorted lines, each once. The argument is sorted, too.
func sorted(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}
