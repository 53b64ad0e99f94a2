package controllers

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

func TestPodsThatAreOlderThanASecretOfTheirsAreFound(t *testing.T) {
	started := func(name string, service naming.Service, at time.Time) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{naming.LabelName: string(service)}, CreationTimestamp: metav1.NewTime(at)}}
	}
	going := started("a", naming.User, noon)
	going.DeletionTimestamp = &metav1.Time{Time: noon}
	pods := []corev1.Pod{
		started("d", naming.User, noon.Add(-time.Hour)), started("c", naming.User, noon), started("b", naming.Content, noon.Add(-time.Hour)), going,
	}
	for changed, want := range map[time.Time]string{
		{}:                       "",
		noon.Add(-2 * time.Hour): "",
		noon:                     "d",
		noon.Add(time.Second):    "c",
	} {
		if got := olderThan(pods, naming.User, changed); got != want {
			t.Errorf("the Secret changed at %v: pod %q, want %q", changed, got, want)
		}
	}
}

func TestTheSecretsOfAServiceAreThoseThatItsPodsRead(t *testing.T) {
	p := passAt()
	fromSecret := func(name string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	}
	volume := func(name string) corev1.Volume {
		return corev1.Volume{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}
	}
	p.target = plan.Set{Templates: map[naming.Service]corev1.PodTemplateSpec{naming.User: {Spec: corev1.PodSpec{
		Volumes:    []corev1.Volume{volume("oidc"), volume(p.names.DatabaseCertificate()), {}},
		Containers: []corev1.Container{{Env: []corev1.EnvVar{{Value: "plain"}, {ValueFrom: fromSecret("password")}, {ValueFrom: fromSecret("oidc")}}}},
	}}}}
	if got := p.secretsOf(naming.User); !slices.Equal(got, []string{"oidc", "password"}) {
		t.Errorf("%v", got)
	}
	if got := p.secretsOf(naming.Frontend); got != nil {
		t.Errorf("%v", got)
	}
}
