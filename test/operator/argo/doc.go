// Package argo tells how the operator and the real Argo Rollouts controller release together.
package argo
