//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

// probe is a pod with curl and psql from which a test makes requests.
type probe struct {
	namespace, name string
}

// outsider is a pod without a sidecar.
func outsider(t testing.TB, namespace string) probe {
	return startProbe(t, namespace, "outsider", map[string]string{"sidecar.istio.io/inject": "false"})
}

// stranger is a pod in the mesh whose ServiceAccount nothing admits.
func stranger(t testing.TB, namespace string) probe {
	return startProbe(t, namespace, "stranger", nil)
}

func startProbe(t testing.TB, namespace, name string, labels map[string]string) probe {
	t.Helper()
	ctx := t.Context()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	if _, err := clientset.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("creating ServiceAccount %s/%s: %v", namespace, name, err)
	}
	pod := probePod(t, namespace, name, labels)
	if _, err := clientset.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("creating Pod %s/%s: %v", namespace, name, err)
	}
	eventually(t, 2*time.Minute, fmt.Sprintf("probe %s/%s ready", namespace, name), func(ctx context.Context) error {
		live, err := clientset.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range live.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("phase %s", live.Status.Phase)
	})
	return probe{namespace: namespace, name: name}
}

// probePod uses the PostgreSQL image of the cluster, which has curl and psql.
func probePod(t testing.TB, namespace, name string, labels map[string]string) *corev1.Pod {
	t.Helper()
	no, yes, user := false, true, int64(26)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec: corev1.PodSpec{
			ServiceAccountName:            name,
			AutomountServiceAccountToken:  &no,
			TerminationGracePeriodSeconds: new(int64),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "probe", Image: postgresImage(t), ImagePullPolicy: corev1.PullNever,
				Command: []string{"sleep", "infinity"},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

func postgresImage(t testing.TB) string {
	t.Helper()
	return leader(t, production).Spec.Containers[0].Image
}

// answer is what a command in a probe said.
type answer struct {
	out, err string
	code     int
}

func (p probe) run(t testing.TB, command ...string) answer {
	t.Helper()
	return execIn(t, p.namespace, p.name, "probe", command...)
}

// get answers the HTTP status of a request to each URL, 000 where there was none.
// A busy node may lose the end of what a command says, so it asks until it has heard all.
func (p probe) get(t testing.TB, urls ...string) map[string]string {
	t.Helper()
	const each = `for url; do printf '%s ' "$url"; curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}\n' "$url"; done`
	statuses := map[string]string{}
	eventually(t, 2*time.Minute, "hearing all answers", func(context.Context) error {
		a := p.run(t, append([]string{"sh", "-c", each, "sh"}, urls...)...)
		for line := range strings.Lines(a.out) {
			if url, status, complete := strings.Cut(strings.TrimSpace(line), " "); complete && len(status) == 3 {
				statuses[url] = status
			}
		}
		if len(statuses) != len(urls) {
			return fmt.Errorf("%d of %d answers from %s/%s: %s", len(statuses), len(urls), p.namespace, p.name, a.err)
		}
		return nil
	})
	return statuses
}

// postgres reports whether a PostgreSQL answers at all, whatever it says about passwords.
func (p probe) postgres(t testing.TB, host string) bool {
	t.Helper()
	a := p.run(t, "env", "PGCONNECT_TIMEOUT=5", "psql", "--no-password", "-c", "select 1", "host="+host+" user=nobody dbname=postgres sslmode=require")
	return strings.Contains(a.err, "FATAL") || a.code == 0
}

// execIn runs a command in a container, in cleanups, too.
func execIn(t testing.TB, namespace, pod, container string, command ...string) answer {
	t.Helper()
	request := clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewSPDYExecutor(config, "POST", request.URL())
	if err != nil {
		t.Fatalf("exec in %s/%s: %v", namespace, pod, err)
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(context.WithoutCancel(t.Context()), remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	var exit utilexec.CodeExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("exec in %s/%s: %v", namespace, pod, err)
	}
	return answer{out: stdout.String(), err: stderr.String(), code: exit.Code}
}

// podsOf lists the pods of a namespace by label.
func podsOf(t testing.TB, namespace, selector string) []corev1.Pod {
	t.Helper()
	pods, err := clientset.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: selector, FieldSelector: "status.phase=Running"})
	if err != nil {
		t.Fatalf("listing pods %s in %s: %v", selector, namespace, err)
	}
	return pods.Items
}

// leader is the pod of the PostgreSQL instance that takes writes.
func leader(t testing.TB, env environment) corev1.Pod {
	t.Helper()
	pods := podsOf(t, env.namespace, "postgres-operator.crunchydata.com/role=master")
	if len(pods) != 1 {
		t.Fatalf("%s has %d PostgreSQL leaders, want 1", env.namespace, len(pods))
	}
	return pods[0]
}
