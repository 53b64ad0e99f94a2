package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

// longestLine is where a line of a log is cut.
const longestLine = 1 << 20

// Choice is which logs are wanted.
type Choice struct {
	// Services whose pods are read; none means all.
	Services []naming.Service
	// Canary leaves out the pods of the stable release.
	Canary bool
}

// Pods finds the pods of a platform's services, sorted by name.
func Pods(ctx context.Context, reader client.Reader, p *platform.Platform, choice Choice) ([]corev1.Pod, error) {
	var all corev1.PodList
	if err := reader.List(ctx, &all, client.InNamespace(p.Namespace), client.MatchingLabels(p.Names().Labels())); err != nil {
		return nil, fmt.Errorf("list the pods of BlogPlatform %s: %w", p.Key(), err)
	}
	canaries := map[string]bool{}
	if choice.Canary {
		var err error
		if canaries, err = canaryHashes(ctx, reader, p); err != nil {
			return nil, err
		}
	}
	services := choice.Services
	if len(services) == 0 {
		services = naming.Services
	}
	pods := slices.DeleteFunc(all.Items, func(pod corev1.Pod) bool {
		return !slices.Contains(services, naming.Service(pod.Labels[naming.LabelName])) ||
			choice.Canary && !canaries[pod.Labels[rollouts.DefaultRolloutUniqueLabelKey]]
	})
	switch {
	case len(pods) == 0 && choice.Canary:
		return nil, fmt.Errorf("BlogPlatform %s has no canary now; leave --canary out for the pods that run", p.Key())
	case len(pods) == 0:
		return nil, fmt.Errorf("BlogPlatform %s has no pods; `kubectl blog status -n %s %s` shows why", p.Key(), p.Namespace, p.Name)
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// canaryHashes are the pod templates that a Rollout is bringing in.
func canaryHashes(ctx context.Context, reader client.Reader, p *platform.Platform) (map[string]bool, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(platform.KindOf(plan.Kinds, "Rollout").GroupVersion().WithKind("RolloutList"))
	if err := reader.List(ctx, list, client.InNamespace(p.Namespace), client.MatchingLabels(p.Names().Labels())); err != nil {
		return nil, fmt.Errorf("list the Rollouts of BlogPlatform %s: %w", p.Key(), err)
	}
	hashes := map[string]bool{}
	for _, rollout := range list.Items {
		stable, _, _ := unstructured.NestedString(rollout.Object, "status", "stableRS")
		current, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
		if current != stable {
			hashes[current] = true
		}
	}
	return hashes, nil
}

// Stream writes the logs of pods, each line after the name of its pod. Those
// that are followed are read side by side, others one after the other. A pod
// whose log cannot be read keeps none of the others from being read.
func Stream(ctx context.Context, clientset kubernetes.Interface, pods []corev1.Pod, options corev1.PodLogOptions, out io.Writer, style screen.Style) error {
	width := 0
	for _, pod := range pods {
		width = max(width, len(pod.Name))
	}
	var mu sync.Mutex
	errs := make([]error, len(pods))
	var all sync.WaitGroup
	for i, pod := range pods {
		prefix := style.Dim(screen.Pad(pod.Name, width)+" │") + " "
		read := func() { errs[i] = stream(ctx, clientset, pod, options, prefix, &mu, out) }
		if !options.Follow {
			read()
			continue
		}
		all.Go(read)
	}
	all.Wait()
	return errors.Join(errs...)
}

func stream(ctx context.Context, clientset kubernetes.Interface, pod corev1.Pod, options corev1.PodLogOptions, prefix string, mu *sync.Mutex, out io.Writer) error {
	options.Container = pod.Labels[naming.LabelName] // the plan names the container after its service
	log, err := clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &options).Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the log of Pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		mu.Lock()
		_, err := fmt.Fprintln(out, prefix+lines.Text())
		mu.Unlock()
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the log of Pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}
