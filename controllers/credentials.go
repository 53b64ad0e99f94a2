package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/ready"
)

// staleCredentials warns of pods that were started before a Secret of theirs changed.
// They read it once: a password that was replaced is refused as soon as they need
// another connection, and their readiness does not tell.
func (p *pass) staleCredentials(ctx context.Context) ([]outcome, error) {
	changed := map[string]time.Time{}
	var stale []outcome
	for _, service := range naming.Services {
		for _, secret := range p.secretsOf(service) {
			if _, known := changed[secret]; !known {
				at, err := p.writtenAt(ctx, secret)
				if err != nil {
					return nil, err
				}
				changed[secret] = at
			}
			if pod := olderThan(p.pods, service, changed[secret]); pod != "" {
				stale = append(stale, outcome{condition: v1alpha1.ConditionWorkloadsReady, verdict: ready.Verdict{State: ready.Warning, Reason: reasonPodsOlderThanSecret, Message: fmt.Sprintf(
					"Pod %s/%s was started before Secret %s changed, which it reads at its start only; delete the older pods of %s one after another", p.names.Namespace, pod, secret, service)}})
			}
		}
	}
	return stale, nil
}

// secretsOf are the Secrets that the pods of a service read, sorted. The one with the
// certificate of PostgreSQL is left out: it changes with each renewal, and of it pods
// read the authority only.
func (p *pass) secretsOf(service naming.Service) []string {
	set := p.good
	if set == nil {
		set = &p.target
	}
	spec := set.Templates[service].Spec
	var names []string
	for _, volume := range spec.Volumes {
		if volume.Secret != nil {
			names = append(names, volume.Secret.SecretName)
		}
	}
	for _, container := range spec.Containers {
		for _, env := range container.Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				names = append(names, env.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == p.names.DatabaseCertificate() })
}

// writtenAt is when the values of a Secret of the platform's namespace changed last.
func (p *pass) writtenAt(ctx context.Context, name string) (time.Time, error) {
	key := client.ObjectKey{Namespace: p.names.Namespace, Name: name}
	p.keyring.ask(key) // so that a change of it leads to a pass
	metadata := kube.Metadata(kube.Secrets)
	if err := p.client.Get(ctx, key, metadata); err != nil && !apierrors.IsNotFound(err) {
		return time.Time{}, fmt.Errorf("read metadata of Secret %s: %w", key, err)
	}
	return kube.Written(metadata), nil
}

// olderThan is the first pod, by name, of a service that was started before a time;
// empty if there is none.
func olderThan(pods []corev1.Pod, service naming.Service, at time.Time) string {
	first := ""
	for i := range pods {
		pod := &pods[i]
		if pod.Labels[naming.LabelName] == string(service) && pod.DeletionTimestamp == nil && pod.CreationTimestamp.Time.Before(at) && (first == "" || pod.Name < first) {
			first = pod.Name
		}
	}
	return first
}
