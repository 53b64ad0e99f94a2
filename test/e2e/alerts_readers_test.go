//go:build e2e && alerts

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
)

// Faults that readers notice, and people who sign in.

// aPodThatAQuotaRefuses is the only one of the frontend.
func aPodThatAQuotaRefuses(t *testing.T, b *board, env environment) {
	raise := noRoom(t, env)
	frontends := podsOf(t, env.namespace, "app.kubernetes.io/name=frontend")
	unavailable := b.begins(t, env, "BlogUnavailable")
	remove(t, env, frontends)
	unavailable.tells(t, "the frontend is missing", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionAvailable, metav1.ConditionFalse, "", "frontend")
	})
	unavailable.fires(t)
	unavailable.advised(t, "Pods that wait for a node or a quota")
	if said := unavailable.follows(t, "kubectl get resourcequotas", ""); !strings.Contains(said, quotaName) {
		t.Errorf("the quota is not named: %s", said)
	}
	raise()
	unavailable.resolves(t, 10*time.Minute)
	eventually(t, 5*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
}

const quotaName = "no-room"

// noRoom has a quota refuse each further pod of a namespace, until it is raised.
func noRoom(t *testing.T, env environment) (raise func()) {
	t.Helper()
	quotas := clientset.CoreV1().ResourceQuotas(env.namespace)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: quotaName},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := quotas.Delete(context.WithoutCancel(t.Context()), quotaName, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, truth, "the quota counts", func(ctx context.Context) error {
		quota, err := quotas.Get(ctx, quotaName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if used, counted := quota.Status.Used[corev1.ResourcePods]; !counted || used.IsZero() {
			return errors.New("it does not yet")
		}
		return nil
	})
	return func() {
		if _, err := quotas.Patch(t.Context(), quotaName, types.MergePatchType, []byte(`{"spec":{"hard":{"pods":"100"}}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, env environment, pods []corev1.Pod) {
	t.Helper()
	if len(pods) == 0 {
		t.Fatal("there is no pod to delete")
	}
	for _, pod := range pods {
		if err := clientset.CoreV1().Pods(env.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// postsThatCannotBeShown are a fault of a release that was verified: nobody read a post meanwhile.
func postsThatCannotBeShown(t *testing.T, b *board, env environment, bad v1alpha1.Release) {
	settle(t, env)
	good := get(t, env).Status.Release.Current.Version
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = bad })
	awaitRelease(t, env, bad.Version, 15*time.Minute)

	fast, slowly := b.begins(t, env, "BlogErrorsBurnFast"), b.begins(t, env, "BlogErrorsBurnSlowly")
	// Few errors, because the alert that burns slowly resolves after a thousand good requests for each.
	leave := visitors(t, env, 500*time.Millisecond, 12*time.Second)
	fast.fires(t)
	slowly.fires(t)
	fast.advised(t, "Errors since a release that is complete")
	fast.follows(t, "kubectl blog rollback", "")
	slowly.advised(t, "Fix the cause, and release the fix")
	awaitRelease(t, env, good, 15*time.Minute)
	leave()
	fast.ends()
	slowly.ends()
	b.crowd(t, env, fast, slowly)
}

// aTableThatIsLocked makes each post wait, and some of them for longer than half a second.
func aTableThatIsLocked(t *testing.T, b *board, env environment) {
	const lock = "DO $$ BEGIN FOR i IN 1..600 LOOP LOCK TABLE content.posts IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(1.2); COMMIT; END LOOP; END $$"
	fast, slowly := b.begins(t, env, "BlogLatencyBurnsFast"), b.begins(t, env, "BlogLatencyBurnsSlowly")
	t.Cleanup(func() {
		queryIn(t, env, "postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'DO%LOCK TABLE%'")
	})
	inBackground(t, env, "blog-content", lock)
	leave := visitors(t, env, time.Second, 300*time.Millisecond)
	fast.fires(t)
	slowly.fires(t)

	fast.advised(t, "A slow database")
	longest := fast.follows(t, `kubectl exec -n $NS <pod of the database> -c database -- psql -c "SELECT pid`, "")
	found := regexp.MustCompile(`(?m)^ *(\d+) \|.*LOCK TABLE`).FindStringSubmatch(longest)
	if found == nil {
		t.Fatalf("the query that locks is not among the longest: %s", longest)
	}
	fast.values["<pid>"] = found[1]
	fast.follows(t, `kubectl exec -n $NS <pod of the database> -c database -- psql -c "SELECT pg_terminate_backend`, "")
	slowly.advised(t, "Fix the cause")
	leave()
	fast.ends()
	slowly.ends()
	b.crowd(t, env, fast, slowly)
}

// inBackground runs SQL as the superuser on the leader for as long as the test runs, or until its connection is ended.
func inBackground(t *testing.T, env environment, database, sql string) {
	t.Helper()
	kubeconfig := os.Getenv("BLOGPLATFORM_KUBECONFIG")
	kubectl := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(kubeconfig), "bin", "kubectl"), "--kubeconfig", kubeconfig,
		"exec", "--namespace", env.namespace, leader(t, env).Name, "--container", "database", "--", "psql", "--dbname", database, "--command", sql)
	if err := kubectl.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kubectl.Wait() }) // it was ended, by the runbook or by the end of the test
}

// queryIn is query in another database, in cleanups, too.
func queryIn(t *testing.T, env environment, database, sql string) string {
	t.Helper()
	pods, err := clientset.CoreV1().Pods(env.namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{LabelSelector: "postgres-operator.crunchydata.com/role=master"})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%s has %d PostgreSQL leaders, want 1 (%v)", env.namespace, len(pods.Items), err)
	}
	a := execIn(t, env.namespace, pods.Items[0].Name, "database", "psql", "--no-align", "--tuples-only", "--dbname", database, "--command", sql)
	if a.code != 0 {
		t.Fatalf("querying %s of %s: %s", database, env.namespace, a.err)
	}
	return strings.TrimSpace(a.out)
}

// visitors ask for the home page and for posts, each at its pace, until they leave. Nobody
// has asked for the posts before, so that no answer to them is kept.
func visitors(t *testing.T, env environment, home, post time.Duration) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var pending sync.WaitGroup
	who := visitor()
	pending.Go(func() {
		homes, posts := time.NewTicker(home), time.NewTicker(post)
		defer homes.Stop()
		defer posts.Stop()
		for n := 0; ; n++ {
			url := env.url("/")
			select {
			case <-ctx.Done():
				return
			case <-homes.C:
			case <-posts.C:
				url = env.url(fmt.Sprintf("/posts/never-written-%d", n))
			}
			pending.Go(func() { fetch(ctx, who, url) })
		}
	})
	leave = func() { cancel(); pending.Wait() }
	t.Cleanup(leave)
	return leave
}

// visitor is a browser that keeps its connections, so that many requests cost little.
func visitor() *http.Client {
	who := browser()
	transport, _ := who.Transport.(*http.Transport)
	transport.DisableKeepAlives, transport.MaxIdleConnsPerHost = false, 20
	return who
}

// fetch asks for a page, whatever the answer is.
func fetch(ctx context.Context, who *http.Client, url string) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, url, nil)
	if err != nil {
		return
	}
	response, err := who.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// crowd has readers come back, 50 a second, until the alerts of incidents have resolved.
func (b *board) crowd(t *testing.T, env environment, incidents ...*incident) {
	t.Helper()
	b.pending.Go(func() {
		var pending sync.WaitGroup
		defer pending.Wait()
		who := visitor()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for _, i := range incidents {
			for resolved := false; !resolved; {
				select {
				case <-b.ctx.Done():
					return
				case <-i.over:
					resolved = true
				case <-ticker.C:
					pending.Go(func() { fetch(b.ctx, who, env.url("/")) })
				}
			}
		}
	})
}
