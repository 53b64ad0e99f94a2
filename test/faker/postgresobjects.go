package faker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// meta is that of an object which the Crunchy operator makes for the cluster.
// Secrets and volumes have no owner: they outlive the cluster.
func (p *postgres) meta(suffix string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name + "-" + suffix, Labels: map[string]string{}}
	if p.Spec.Metadata != nil {
		m.Annotations = p.Spec.Metadata.Annotations
		maps.Copy(m.Labels, p.Spec.Metadata.Labels)
	}
	m.Labels["postgres-operator.crunchydata.com/cluster"] = p.Name
	return m
}

// createPostgresSecrets makes the certificate of the cluster and the
// credentials of its users.
func (f *Faker) createPostgresSecrets(ctx context.Context, p *postgres) error {
	host := p.Name + "-primary." + p.Namespace + ".svc"
	wanted := []corev1.Secret{postgresSecret(p, "cluster-cert", map[string]string{
		"ca.crt": "authority of " + host, "tls.crt": "certificate of " + host, "tls.key": "key of " + host})}
	for _, user := range p.Spec.Users {
		password := "password-of-" + user.Name
		data := map[string]string{"host": host, "port": "5432", "user": user.Name, "password": password, "verifier": "SCRAM-SHA-256$4096:" + user.Name}
		if len(user.Databases) > 0 {
			data["dbname"] = user.Databases[0]
			data["uri"] = "postgresql://" + user.Name + ":" + password + "@" + host + ":5432/" + user.Databases[0]
		}
		wanted = append(wanted, postgresSecret(p, "pguser-"+user.Name, data))
	}
	for i := range wanted {
		if _, err := f.ensure(ctx, secrets, &wanted[i]); err != nil {
			return err
		}
	}
	return nil
}

func postgresSecret(p *postgres, suffix string, data map[string]string) corev1.Secret {
	s := corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: p.meta(suffix), Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

// volumes are the claims of the instances and the repositories.
func (p *postgres) volumes() []corev1.PersistentVolumeClaim {
	var claims []corev1.PersistentVolumeClaim
	add := func(suffix, label, value string, spec corev1.PersistentVolumeClaimSpec) {
		own := p.meta(suffix)
		own.Labels = maps.Clone(own.Labels)
		own.Labels["postgres-operator.crunchydata.com/"+label] = value
		claims = append(claims, corev1.PersistentVolumeClaim{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: own, Spec: spec})
	}
	for _, set := range p.Spec.Instances {
		for i := range orOne(set.Replicas) {
			add(fmt.Sprintf("%s-%d-pgdata", set.Name, i), "role", "pgdata", set.Volume)
		}
	}
	for _, repo := range p.Spec.Backups.PGBackRest.Repos {
		if repo.Volume != nil {
			add(repo.Name, "pgbackrest-volume", "", repo.Volume.Claim)
		}
	}
	return claims
}

func (f *Faker) lacksVolumes(p *postgres) bool {
	return slices.ContainsFunc(p.volumes(), f.lacksClass)
}

func (f *Faker) lacksClass(claim corev1.PersistentVolumeClaim) bool {
	return claim.Spec.StorageClassName != nil && f.isMissing(*claim.Spec.StorageClassName)
}

// claimVolumes makes the claims, binds those whose StorageClass exists, and has
// those grow that are too small.
func (f *Faker) claimVolumes(ctx context.Context, p *postgres) error {
	meta.RemoveStatusCondition(&p.Status.Conditions, "PersistentVolumeResizing")
	for _, claim := range p.volumes() {
		u, err := f.ensure(ctx, volumeClaims, &claim)
		if err != nil {
			return err
		}
		live := &corev1.PersistentVolumeClaim{}
		if err := decode(u, live); err != nil {
			return err
		}
		if live.Status.Phase == corev1.ClaimBound {
			if err := f.growVolume(ctx, p, live, claim.Spec.Resources.Requests); err != nil {
				return err
			}
			continue
		}
		if f.lacksClass(claim) {
			continue
		}
		status := corev1.PersistentVolumeClaimStatus{
			Phase: corev1.ClaimBound, AccessModes: claim.Spec.AccessModes, Capacity: claim.Spec.Resources.Requests,
		}
		if err := f.setStatus(ctx, volumeClaims, u, &status); err != nil {
			return err
		}
	}
	return nil
}

// growVolume asks for a bigger volume. That the API server forbids it, because the
// StorageClass cannot, is no error to the Crunchy operator: it sets a condition
// (handlePersistentVolumeClaimError in its volumes.go).
func (f *Faker) growVolume(ctx context.Context, p *postgres, claim *corev1.PersistentVolumeClaim, wanted corev1.ResourceList) error {
	if wanted.Storage().Cmp(*claim.Spec.Resources.Requests.Storage()) <= 0 {
		return nil
	}
	claim.Spec.Resources.Requests = wanted
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(claim)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetAPIVersion("v1")
	u.SetKind("PersistentVolumeClaim")
	u, err = f.client.Resource(volumeClaims).Namespace(p.Namespace).Update(ctx, u, metav1.UpdateOptions{})
	if apierrors.IsForbidden(err) {
		meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{Type: "PersistentVolumeResizing", Status: metav1.ConditionFalse,
			Reason: string(metav1.StatusReasonForbidden), Message: "One or more volumes cannot be resized", ObservedGeneration: p.Generation})
		return nil
	}
	if err != nil {
		return err
	}
	claim.Status.Capacity = wanted
	return f.setStatus(ctx, volumeClaims, u, &claim.Status)
}
