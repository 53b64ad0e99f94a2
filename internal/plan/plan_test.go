package plan

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	for name, in := range stories(t) {
		want := bytesOf(t, planOf(t, in))
		for range 100 {
			if got := bytesOf(t, planOf(t, in)); got != want {
				t.Fatalf("%s: %s", name, gocmp.Diff(want, got))
			}
		}
	}
}

func bytesOf(t *testing.T, plan Plan) string {
	t.Helper()
	raw, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAGatewayInThePlatformsOwnNamespaceIsAProblem(t *testing.T) {
	in := stories(t)["staging"]
	in.Platform.Spec.Gateway.Namespace = in.Platform.Namespace
	_, err := Build(in)
	var problem *Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Message, "spec.gateway.namespace") {
		t.Errorf("the error is %v, want a Problem that names the field", err)
	}
}

func TestPlanningDoesNotTouchItsInput(t *testing.T) {
	for name, in := range stories(t) {
		platform, release := in.Platform.DeepCopy(), in.Release
		var observed []*unstructured.Unstructured
		for _, live := range in.Observed {
			observed = append(observed, live.DeepCopy())
		}
		plan := planOf(t, in)
		for _, child := range plan.Children {
			scribble(child.Object.Object)
		}
		if !equality.Semantic.DeepEqual(platform, in.Platform) || release != in.Release || !equality.Semantic.DeepEqual(observed, in.Observed) {
			t.Errorf("%s: the input has changed", name)
		}
	}
}

// scribble overwrites all that a later package could, to find what the plan shares with its input.
func scribble(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, element := range v {
			scribble(element)
			v[key] = "scribbled"
		}
	case []any:
		for i, element := range v {
			scribble(element)
			v[i] = "scribbled"
		}
	}
}

// everyChild calls check with every child of every story.
func everyChild(t *testing.T, check func(t *testing.T, in Input, child Child)) {
	t.Helper()
	for name, in := range stories(t) {
		t.Run(name, func(t *testing.T) {
			for _, child := range planOf(t, in).Children {
				t.Run(child.Object.GetKind()+" "+child.Object.GetName(), func(t *testing.T) { check(t, in, child) })
			}
		})
	}
}

func TestChildrenAreOursAndLiveWithTheirPlatform(t *testing.T) {
	everyChild(t, func(t *testing.T, in Input, child Child) {
		u := child.Object
		if labels := u.GetLabels(); !naming.Of(keyOf(in.Platform)).Owns(labels) {
			t.Errorf("labels %v are not those of a child", labels)
		}
		want := in.Platform.Namespace
		if u.GetKind() == "Certificate" {
			want = gatewayOf(in.Platform.Spec.Gateway).namespace
		}
		if u.GetNamespace() != want {
			t.Errorf("namespace %q, want %q", u.GetNamespace(), want)
		}
		if len(u.GetOwnerReferences()) > 0 {
			t.Error("it has ownerReferences, which only apply may set")
		}
		if !slices.Contains(Kinds, u.GroupVersionKind()) {
			t.Errorf("%s is not among Kinds", u.GroupVersionKind())
		}
	})
}

func TestKindsAreSortedAndAllInUse(t *testing.T) {
	order := func(x, y schema.GroupVersionKind) int {
		return cmp.Or(strings.Compare(x.Group, y.Group), strings.Compare(x.Kind, y.Kind))
	}
	if !slices.IsSortedFunc(Kinds, order) {
		t.Errorf("not sorted by group and kind: %v", Kinds)
	}
	used := map[schema.GroupVersionKind]bool{}
	for _, in := range stories(t) {
		for _, child := range planOf(t, in).Children {
			used[child.Object.GroupVersionKind()] = true
		}
	}
	for _, kind := range Kinds {
		if !used[kind] {
			t.Errorf("no plan holds a %s", kind)
		}
	}
}

func TestNoChildAppearsTwice(t *testing.T) {
	for name, in := range stories(t) {
		seen := map[string]bool{}
		for _, child := range planOf(t, in).Children {
			u := child.Object
			key := u.GroupVersionKind().GroupKind().String() + " " + u.GetNamespace() + "/" + u.GetName()
			if seen[key] {
				t.Errorf("%s: %s is planned twice", name, key)
			}
			seen[key] = true
		}
	}
}

// TestWhatTheDatabaseNeedsOutlivesThePlatform: its pods run on where data is
// kept. Without these policies everybody in the cluster could reach them.
func TestWhatTheDatabaseNeedsOutlivesThePlatform(t *testing.T) {
	kept := map[string]bool{
		"ConfigMap blog-db-init": true, "Service blog-db-mesh": true, "Sidecar blog-db": true, "NetworkPolicy blog-db-api": true,
		"AuthorizationPolicy blog-db": true, "AuthorizationPolicy blog-db-repo": true, "NetworkPolicy blog-db": true, "NetworkPolicy blog-db-repo": true, "NetworkPolicy blog-db-restore": true,
	}
	everyChild(t, func(t *testing.T, in Input, child Child) {
		kind, suffix := child.Object.GetKind(), strings.TrimPrefix(child.Object.GetName(), in.Platform.Name)
		if want := kind == "PostgresCluster" || kind == "SealedSecret" || kept[kind+" blog"+suffix]; child.Retain != want {
			t.Errorf("retained: %v, want %v", child.Retain, want)
		}
		if child.Gates != (kind != "Certificate") {
			t.Errorf("gates: %v", child.Gates)
		}
	})
}

// TestWhatHasNoControllerIsNotTakenForAPartOfAnApplication by Argo CD, which prunes what it tracks by label.
func TestWhatHasNoControllerIsNotTakenForAPartOfAnApplication(t *testing.T) {
	everyChild(t, func(t *testing.T, in Input, child Child) {
		_, found := child.Object.GetLabels()["app.kubernetes.io/instance"]
		if controlled := !child.Retain && child.Object.GetNamespace() == in.Platform.Namespace; found != controlled {
			t.Errorf("label app.kubernetes.io/instance is there: %v, a controller: %v", found, controlled)
		}
		if child.Object.GetKind() != "Certificate" {
			return
		}
		labels, _, _ := unstructured.NestedStringMap(child.Object.Object, "spec", "secretTemplate", "labels")
		if _, found := labels["app.kubernetes.io/instance"]; found || !naming.Of(keyOf(in.Platform)).Owns(labels) {
			t.Errorf("the Secret of the certificate has labels %v", labels)
		}
	})
}

func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	everyPod(t, func(t *testing.T, template corev1.PodTemplateSpec) {
		for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	})
}

func TestPodsHoldNoCredentialsAndNoPlaintext(t *testing.T) {
	everyPod(t, func(t *testing.T, template corev1.PodTemplateSpec) {
		if template.Spec.AutomountServiceAccountToken == nil || *template.Spec.AutomountServiceAccountToken {
			t.Error("it mounts a token of the Kubernetes API")
		}
		for _, container := range template.Spec.Containers {
			for _, env := range container.Env {
				if strings.Contains(env.Name, "PASSWORD") && !strings.HasSuffix(env.Name, "_FILE") && (env.Value != "" || env.ValueFrom.SecretKeyRef == nil) {
					t.Errorf("%s does not come from a Secret", env.Name)
				}
			}
		}
		for _, volume := range template.Spec.Volumes {
			if volume.Secret != nil && len(volume.Secret.Items) != 1 {
				t.Errorf("volume %s holds all of Secret %s, not the one key it needs", volume.Name, volume.Secret.SecretName)
			}
			if volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				if source.Secret == nil || len(source.Secret.Items) != 1 {
					t.Errorf("volume %s holds %+v, not one key of a Secret", volume.Name, source)
				}
			}
		}
	})
}

// everyPod calls check with the pod template of every Rollout and Job.
func everyPod(t *testing.T, check func(t *testing.T, template corev1.PodTemplateSpec)) {
	t.Helper()
	pods := 0
	everyChild(t, func(t *testing.T, _ Input, child Child) {
		fields, found, _ := unstructured.NestedMap(child.Object.Object, "spec", "template")
		if kind := child.Object.GetKind(); !found || (kind != "Rollout" && kind != "Job") {
			return
		}
		pods++
		var template corev1.PodTemplateSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(fields, &template, true); err != nil {
			t.Fatal(err)
		}
		check(t, template)
	})
	if pods == 0 {
		t.Error("no plan has a pod")
	}
}

func TestEveryServicePortNamesItsProtocol(t *testing.T) {
	everyChild(t, func(t *testing.T, _ Input, child Child) {
		if child.Object.GetKind() != "Service" {
			return
		}
		var service corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(child.Object.Object, &service); err != nil {
			t.Fatal(err)
		}
		for _, port := range service.Spec.Ports {
			protocol, _, _ := strings.Cut(port.Name, "-")
			if port.AppProtocol == nil && !slices.Contains([]string{"http", "http2", "https", "tcp", "tls", "grpc"}, protocol) {
				t.Errorf("port %q: the mesh would have to guess", port.Name)
			}
		}
	})
}

func TestTheLongestNamesFit(t *testing.T) {
	in := stories(t)["everything"]
	in.Platform = in.Platform.DeepCopy()
	in.Platform.Name, in.Platform.Namespace = strings.Repeat("n", 30), strings.Repeat("s", 63)
	for _, child := range planOf(t, in).Children {
		u := child.Object
		// The Certificate, and the Secret of that name, bear the namespace in theirs.
		limit := validation.DNS1123LabelMaxLength
		if u.GetKind() == "Certificate" {
			limit = validation.DNS1123SubdomainMaxLength
		}
		if len(u.GetName()) > limit {
			t.Errorf("%s %s has %d characters, more than %d", u.GetKind(), u.GetName(), len(u.GetName()), limit)
		}
		checkLabels(t, u.GetKind()+" "+u.GetName(), u.Object)
	}
}

// checkLabels finds labels and selectors at any depth.
func checkLabels(t *testing.T, where string, value any) {
	t.Helper()
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			checkLabels(t, where, element)
		}
	case map[string]any:
		for key, element := range v {
			labels, isMap := element.(map[string]any)
			if !isMap || (key != "labels" && key != "matchLabels" && key != "selector") {
				checkLabels(t, where, element)
				continue
			}
			for name, label := range labels {
				if text, isText := label.(string); isText {
					for _, problem := range validation.IsValidLabelValue(text) {
						t.Errorf("%s: label %s: %s", where, name, problem)
					}
				}
			}
			checkLabels(t, where, element)
		}
	}
}

func TestAnEarlierReleaseRunsWhileTheNextOneIsMigratedTo(t *testing.T) {
	in := stories(t)["earlier-release"]
	for _, child := range planOf(t, in).Children {
		var want v1alpha1.Release
		switch child.Stage {
		case StageMigrations:
			want = in.Platform.Spec.Release
		case StageContract, StageWorkloads:
			want = *in.Run.Contract
		default:
			continue
		}
		if version, found := environmentOf(t, child.Object)["RELEASE_VERSION"]; found && version != want.Version {
			t.Errorf("%s runs %s, want %s", child.Object.GetName(), version, want.Version)
		}
	}
}

func TestTheDataServicesGoFirst(t *testing.T) {
	in := stories(t)["earlier-release"]
	in.Run.Data = nil
	for _, child := range planOf(t, in).Children {
		if child.Object.GetKind() != "Rollout" {
			continue
		}
		want := in.Platform.Spec.Release.Version
		if child.Object.GetName() == "blog-frontend" {
			want = in.Run.Frontend.Release.Version
		}
		if version := environmentOf(t, child.Object)["RELEASE_VERSION"]; version != want {
			t.Errorf("%s runs %s, want %s", child.Object.GetName(), version, want)
		}
	}
}

func TestASetComesBackFromItsControllerRevisionAsItWas(t *testing.T) {
	for name, in := range stories(t) {
		t.Run(name, func(t *testing.T) {
			want, err := SetOf(in.Platform, in.Release)
			if err != nil {
				t.Fatal(err)
			}
			before := planOf(t, in)
			revision := childNamed(t, before, "ControllerRevision", "blog-set-"+want.Digest)
			got, err := ReadSet(revision)
			if err != nil {
				t.Fatal(err)
			}
			if !equality.Semantic.DeepEqual(want, got) || before.Digest != want.Digest {
				t.Errorf("(-want +got):\n%s", gocmp.Diff(want, got))
			}
			// The spec has moved on, the set has not.
			in.Platform.Spec.Services.User.NodeSelector = map[string]string{"moved": "on"}
			in.Run.Data, in.Run.Frontend, in.Run.Kept = &got, &got, []*unstructured.Unstructured{revision}
			after := planOf(t, in)
			for _, kind := range []string{"Rollout", "ControllerRevision"} {
				then := "blog-user"
				if kind == "ControllerRevision" {
					then = revision.GetName()
				}
				if kind == "Rollout" && in.Run.Contract != nil {
					continue // ran another release before
				}
				if diff := gocmp.Diff(template(childNamed(t, before, kind, then)), template(childNamed(t, after, kind, then))); diff != "" {
					t.Errorf("%s (-before +after):\n%s", kind, diff)
				}
			}
			if after.Digest == before.Digest {
				t.Error("another node selector is no other set")
			}
		})
	}
}

// template is what a set holds of a child.
func template(u *unstructured.Unstructured) any {
	if data, found := u.Object["data"]; found {
		return data
	}
	pod, _, _ := unstructured.NestedMap(u.Object, "spec", "template")
	return pod
}

func childNamed(t *testing.T, plan Plan, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, child := range plan.Children {
		if child.Object.GetKind() == kind && child.Object.GetName() == name {
			return child.Object
		}
	}
	t.Fatalf("the plan has no %s %s", kind, name)
	return nil
}

func TestEveryUpdateEndsAtTheBarrier(t *testing.T) {
	everyChild(t, func(t *testing.T, _ Input, child Child) {
		if child.Object.GetKind() != "Rollout" {
			return
		}
		var r rollouts.Rollout
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(child.Object.Object, &r); err != nil {
			t.Fatal(err)
		}
		canary := r.Spec.Strategy.Canary
		last := canary.Steps[len(canary.Steps)-1]
		if last.Pause == nil || last.Pause.Duration != nil {
			t.Errorf("the last step is %+v, not a pause without end", last)
		}
		weight := int32(0)
		for _, step := range canary.Steps {
			if step.SetWeight != nil {
				weight = *step.SetWeight
			}
		}
		if weight != 100 {
			t.Errorf("%d%% of the traffic reach the barrier", weight)
		}
		if *canary.ScaleDownDelaySeconds <= *r.Spec.ProgressDeadlineSeconds {
			t.Errorf("pods before a commit stay for %d s, while one may take %d s", *canary.ScaleDownDelaySeconds, *r.Spec.ProgressDeadlineSeconds)
		}
		if r.Spec.RollbackWindow != nil || r.Spec.Paused {
			t.Errorf("window %v, paused %v without a commit or a request", r.Spec.RollbackWindow, r.Spec.Paused)
		}
	})
}

func TestACommitOpensTheRollbackWindowAndADirectWayHasNoSteps(t *testing.T) {
	in := stories(t)["production"]
	in.Run = Run{Committing: true, Paused: []naming.Service{naming.User}}
	user := childNamed(t, planOf(t, in), "Rollout", "blog-user")
	if n, _, _ := unstructured.NestedInt64(user.Object, "spec", "rollbackWindow", "revisions"); n != 1 {
		t.Errorf("the rollback window holds %d revisions", n)
	}
	if paused, _, _ := unstructured.NestedBool(user.Object, "spec", "paused"); !paused {
		t.Error("a paused release is not paused")
	}
	if paused, _, _ := unstructured.NestedBool(childNamed(t, planOf(t, in), "Rollout", "blog-content").Object, "spec", "paused"); paused {
		t.Error("a service is paused that need not be")
	}
	in.Run = Run{Direct: true}
	user = childNamed(t, planOf(t, in), "Rollout", "blog-user")
	if steps, _, _ := unstructured.NestedSlice(user.Object, "spec", "strategy", "canary", "steps"); len(steps) > 0 {
		t.Errorf("a direct way has steps %v", steps)
	}
}

func environmentOf(t *testing.T, u *unstructured.Unstructured) map[string]string {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, container := range containers {
		for _, variable := range objects(container.(map[string]any), "env") {
			value, _ := variable["value"].(string)
			env[variable["name"].(string)] = value
		}
	}
	return env
}

func TestADigestIsOfTheFourPodTemplatesAndOfNothingElse(t *testing.T) {
	cases := map[string]struct {
		change  func(spec *v1alpha1.BlogPlatformSpec)
		another bool
	}{
		"another image":         {func(s *v1alpha1.BlogPlatformSpec) { s.Release.Images.Comment = "example.com/comment:v2" }, true},
		"another version":       {func(s *v1alpha1.BlogPlatformSpec) { s.Release.Version = "v2" }, true},
		"another cookie key":    {func(s *v1alpha1.BlogPlatformSpec) { s.Secrets.Cookies.Sealed.Key = "AgOther=" }, true},
		"another node selector": {func(s *v1alpha1.BlogPlatformSpec) { s.Services.User.NodeSelector = map[string]string{"a": "b"} }, true},
		"another host":          {func(s *v1alpha1.BlogPlatformSpec) { s.Hosts = []string{"other.example.com"} }, true},
		"more pods":             {func(s *v1alpha1.BlogPlatformSpec) { s.Services.User.Replicas = new(int32(9)) }, false},
		"other steps":           {func(s *v1alpha1.BlogPlatformSpec) { s.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: new(int32(1))}} }, false},
		"a larger database":     {func(s *v1alpha1.BlogPlatformSpec) { s.Database.Replicas = new(int32(5)) }, false},
		"a pull secret":         {func(s *v1alpha1.BlogPlatformSpec) { s.ImagePullSecrets = []v1alpha1.SecretReference{{Name: "new"}} }, false},
	}
	before := planOf(t, stories(t)["staging"]).Digest
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["staging"]
			c.change(&in.Platform.Spec)
			in.Release = in.Platform.Spec.Release
			if after := planOf(t, in).Digest; (after != before) != c.another {
				t.Errorf("%s became %s", before, after)
			}
		})
	}
}

func TestOnlyTheSpecHasASay(t *testing.T) {
	in := stories(t)["production"]
	want := bytesOf(t, planOf(t, in))
	in.Platform.Annotations = map[string]string{"example.com/note": "x"}
	in.Platform.Generation, in.Platform.ResourceVersion = 7, "99"
	in.Platform.Status.Release.Current.Version = "v0"
	if diff := gocmp.Diff(want, bytesOf(t, planOf(t, in))); diff != "" {
		t.Error(diff)
	}
}
