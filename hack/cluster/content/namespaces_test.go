package content

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestOnlyANativeSidecarCountsAsOne(t *testing.T) {
	for name, test := range map[string]struct {
		spec corev1.PodSpec
		want bool
	}{
		"a native sidecar":      {corev1.PodSpec{InitContainers: []corev1.Container{{Name: "istio-validation"}, {Name: "istio-proxy"}}}, true},
		"a container beside":    {corev1.PodSpec{Containers: []corev1.Container{{Name: "istio-proxy"}}}, false},
		"no sidecar whatsoever": {corev1.PodSpec{Containers: []corev1.Container{{Name: "pause"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hasSidecar(&corev1.Pod{Spec: test.spec}); got != test.want {
				t.Errorf("it is %v, want %v", got, test.want)
			}
		})
	}
}
