// Package v1alpha1 is the API that platform engineers write: one BlogPlatform
// describes one environment of a blog in one namespace.
//
// The rule of this package: it imports only the standard library, apimachinery
// and k8s.io/api/core/v1, and every constraint that CEL can state is stated in
// CEL, so that the API server refuses bad input before the operator sees it.
//
// +kubebuilder:object:generate=true
// +groupName=blogplatform.io
package v1alpha1
