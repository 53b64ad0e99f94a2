package plan

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/internal/naming"
)

// verifyDeadline is for how many seconds Verify may run, all attempts together.
const verifyDeadline = 300

// verify asks, as a reader would, whether the target serves: the
// gateway for the home page, and each data service for its database.
func (b *builder) verify() {
	if b.Run.WithoutVerify {
		return
	}
	container := b.bareContainer("verify", naming.Frontend, b.target.Release)
	container.Args = []string{"verify"}
	gateway := b.values.gateway
	container.Env = append(container.Env, b.publicEnv()...)
	container.Env = append(container.Env,
		corev1.EnvVar{Name: "GATEWAY_ADDRESS", Value: fmt.Sprintf("%s.%s.svc:%d", gateway.service, gateway.namespace, gateway.httpsPort)},
		corev1.EnvVar{Name: "VERIFY_TIMEOUT", Value: "60s"},
	)
	b.gate(StageVerify, b.job(task{
		name:      b.names.VerifyJob(b.target.Digest, b.Run.Attempt),
		account:   b.names.Verify(),
		selector:  b.names.VerifySelector(),
		container: container,
		attempts:  3,
		deadline:  verifyDeadline,
		retry:     60,
	}))
}
