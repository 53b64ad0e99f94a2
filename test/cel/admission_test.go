package cel

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/test/kustomize"
)

// installPolicies applies the admission policies and the roles of people, as `make deploy` does.
func installPolicies(ctx context.Context, root string) error {
	objects, err := kustomize.Objects(root, "default")
	if err != nil {
		return err
	}
	for _, object := range objects {
		switch object.GetKind() {
		case "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
			if err := server.Create(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// as is a client for a user of that name, and none of their groups but those of everybody.
func as(t *testing.T, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(serverConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bound makes a namespace in which users of these names, one for each role, have the role.
func bound(t *testing.T, namespace string, roles map[string][]string) {
	t.Helper()
	create := func(object client.Object) {
		t.Helper()
		if err := server.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	for user, of := range roles {
		for _, role := range of {
			create(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user + "-" + role},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "blogplatform-blogplatform-" + role + "-role"},
				Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}})
		}
	}
	awaitRights(t, namespace, "everybody")
}

// awaitRights waits until the API server knows all roles and bindings that were
// made before: it learns of them in their order, so a last one tells. name is new in the namespace.
func awaitRights(t *testing.T, namespace, name string) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "last-of-" + name}
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}
	for _, object := range []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: meta.Name}},
		},
	} {
		if err := server.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, timefactor.Scale(30*time.Second), true, func(ctx context.Context) (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: meta.Name, ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "configmaps"},
		}}
		err := server.Create(ctx, review)
		return review.Status.Allowed, err
	})
	if err != nil {
		t.Fatalf("the API server does not learn of the rights in %s: %v", namespace, err)
	}
}

// given creates a platform with one of everything that a promoter must leave alone.
func given(t *testing.T, namespace string) *unstructured.Unstructured {
	t.Helper()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fleet"}}
	if err := server.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	p := platform(t, "production", `
metadata:
  labels: {team: blue}
  annotations: {note: keep, blogplatform.io/request: pause v1.4.2}
  finalizers: [example.com/hold]
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: fleet, uid: `+string(owner.UID)+`}]
spec: {promotion: {from: {namespace: stg, name: blog}}, deletionPolicy: Retain}`)
	p.SetNamespace(namespace)
	if err := server.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		_ = server.Patch(context.WithoutCancel(t.Context()), p, patch)
	})
	// Policies bite a moment after they were created.
	carol := as(t, "carol")
	for _, refused := range []string{`{metadata: {labels: {probe: bites}}}`, override} {
		var answer error
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, timefactor.Scale(30*time.Second), true, func(context.Context) (bool, error) {
			answer = carol.Patch(t.Context(), p.DeepCopy(), patchOf(refused), client.DryRunAll)
			return apierrors.IsForbidden(answer), nil
		})
		if err != nil {
			t.Fatalf("no policy refuses %s: %v", refused, answer)
		}
	}
	return p
}

// patchOf is a merge patch in YAML.
func patchOf(text string) client.Patch {
	raw, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "DIGEST", digest)))
	if err != nil {
		panic(err)
	}
	return client.RawPatch(types.MergePatchType, raw)
}

// everybody who plays a part: carol is CI, olga may override, adam administers,
// edith edits and promotes, and root is none of them.
var everybody = map[string][]string{
	"carol": {"promoter"}, "olga": {"promoter", "overrider"}, "adam": {"promoter", "admin"}, "edith": {"promoter", "editor"}, "ed": {"editor"}, "vera": {"viewer"},
}

const (
	aRelease  = `{spec: {release: {version: v1.5.0, images: {user: registry.example.com/user:v2DIGEST}}}}`
	aRequest  = `{metadata: {annotations: {blogplatform.io/request: abort v1.4.2}}}`
	noRequest = `{metadata: {annotations: {blogplatform.io/request: null}}}`
	override  = `{metadata: {annotations: {blogplatform.io/promotion-override: v1.5.0 the shop is down}}}`
)

// TestWhoMayChangeWhatOfAPlatform: what is refused names the verb that it takes.
func TestWhoMayChangeWhatOfAPlatform(t *testing.T) {
	t.Parallel()
	const administer, overriding = "takes the verb administer", "takes the verb override"
	bound(t, "promoted", everybody)
	p := given(t, "promoted")
	gate := map[string]string{
		"the gate":        `{spec: {promotion: null}}`,
		"the soak":        `{spec: {promotion: {soakSeconds: 1}}}`,
		"the windows":     `{spec: {promotion: {windows: [{days: [Mon], start: "00:00", durationMinutes: 60}]}}}`,
		"what staging is": `{spec: {promotion: {from: {name: mine}}}}`,
	}
	everything := map[string]string{
		"the hosts":             `{spec: {hosts: [evil.example.com]}}`,
		"a field that was not":  `{spec: {suspend: true}}`,
		"a field that was":      `{spec: {deletionPolicy: null}}`,
		"a field and a release": `{spec: {release: {version: v1.5.0}, deletionPolicy: Delete}}`,
		"a label":               `{metadata: {labels: {team: red}}}`,
		"a label more":          `{metadata: {labels: {spare: red}}}`,
		"all labels":            `{metadata: {labels: null}}`,
		"an annotation":         `{metadata: {annotations: {note: lose}}}`,
		"an annotation more":    `{metadata: {annotations: {blogplatform.io/delete-data: blog}}}`,
		"an annotation less":    `{metadata: {annotations: {note: null}}}`,
		"all annotations":       `{metadata: {annotations: null}}`,
		"a finalizer":           `{metadata: {finalizers: [example.com/other]}}`,
		"all finalizers":        `{metadata: {finalizers: null}}`,
		"an owner":              `{metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: mine, uid: 00000000-0000-0000-0000-000000000002}]}}`,
		"all owners":            `{metadata: {ownerReferences: null}}`,
		"a name to generate":    `{metadata: {generateName: mine-}}`,
	}
	try := func(user, what, patch, refusal string) {
		t.Run(user+" changes "+what, func(t *testing.T) {
			err := as(t, user).Patch(t.Context(), p.DeepCopy(), patchOf(patch), client.DryRunAll)
			switch {
			case refusal == "" && err != nil:
				t.Errorf("it is refused: %v", err)
			case refusal != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), refusal)):
				t.Errorf("want a refusal that says %q, got: %v", refusal, err)
			}
		})
	}
	for _, user := range []string{"carol", "olga", "adam", "edith", "ed"} {
		try(user, "the release", aRelease, "")
		try(user, "the request", aRequest, "")
		try(user, "its mind about the request", noRequest, "")
	}
	for what, patch := range everything {
		try("carol", what, patch, administer)
		try("olga", what, patch, administer)
		try("edith", what, patch, administer) // what she may as an editor does not count
		try("adam", what, patch, "")
		try("ed", what, patch, "") // has nothing to do with promotions
	}
	for what, patch := range gate {
		try("carol", what, patch, "takes the verb")
		try("olga", what, patch, administer) // to let one release through is less than to take the gate down
		for _, user := range []string{"adam", "edith", "ed"} {
			try(user, what, patch, "takes the verb")
		}
	}
	try("olga", "the gate's mind", override, "")
	for _, user := range []string{"carol", "edith"} {
		try(user, "the gate's mind", override, overriding)
	}
	for _, user := range []string{"adam", "ed"} {
		try(user, "the gate's mind", override, overriding)
	}
	try("vera", "the release", aRelease, "cannot patch")

	t.Run("an override is used by whoever wrote it alone", func(t *testing.T) {
		if err := as(t, "olga").Patch(t.Context(), p, patchOf(override)); err != nil {
			t.Fatal(err)
		}
		try("carol", "the release while there is an override", aRelease, "")
		try("carol", "the override that is there", `{metadata: {annotations: {blogplatform.io/promotion-override: v1.6.0 me too}}}`, overriding)
		try("carol", "her mind about overrides", `{metadata: {annotations: {blogplatform.io/promotion-override: null}}}`, overriding)
		try("olga", "her mind about overrides", `{metadata: {annotations: {blogplatform.io/promotion-override: null}}}`, "")
	})
}

func TestAPromoterDoesNotDeleteCreateOrWriteTheStatus(t *testing.T) {
	t.Parallel()
	bound(t, "kept", everybody)
	p := given(t, "kept")
	if err := server.Patch(t.Context(), p, patchOf(`{spec: {promotion: null}}`)); err != nil {
		t.Fatal(err)
	}
	if err := as(t, "edith").Delete(t.Context(), p.DeepCopy(), client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "not delete the platform") {
		t.Errorf("a promoter who edits deletes: %v", err)
	}
	for _, user := range []string{"adam", "ed"} {
		if err := as(t, user).Delete(t.Context(), p.DeepCopy(), client.DryRunAll); err != nil {
			t.Errorf("%s does not delete: %v", user, err)
		}
	}
	overridden := platform(t, "staging", `metadata: {name: other, annotations: {blogplatform.io/promotion-override: v1 from the start}}`)
	overridden.SetNamespace("kept")
	if err := as(t, "ed").Create(t.Context(), overridden, client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "takes the verb override") {
		t.Errorf("an override is created: %v", err)
	}
	overridden.SetAnnotations(nil)
	if err := as(t, "ed").Create(t.Context(), overridden, client.DryRunAll); err != nil {
		t.Errorf("an editor does not create: %v", err)
	}

	// Somebody has given a promoter the right to write statuses, too.
	if err := server.Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kept", Name: "status"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"blogplatform.io"}, Resources: []string{"blogplatforms/status"}, Verbs: []string{"patch"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := server.Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "kept", Name: "status"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "status"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carol"}}}); err != nil {
		t.Fatal(err)
	}
	awaitRights(t, "kept", "statuses")
	if err := as(t, "carol").Status().Patch(t.Context(), p.DeepCopy(), patchOf(`{status: {release: {current: {version: v9}}}}`)); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "not write the status") {
		t.Errorf("a promoter writes the status: %v", err)
	}
}

// TestWhoMayDeleteAPlatformWithAGate: created again without the gate, it would run anything.
func TestWhoMayDeleteAPlatformWithAGate(t *testing.T) {
	t.Parallel()
	const namespaces = "system:serviceaccount:kube-system:namespace-controller"
	bound(t, "gated", map[string][]string{"carol": {"promoter"}, "ed": {"editor"}, "adam": {"promoter", "admin"}, "otto": {"editor", "overrider"}, namespaces: {"editor"}})
	p := given(t, "gated")
	for user, refused := range map[string]bool{"ed": true, "adam": true, "otto": false, namespaces: false} {
		err := as(t, user).Delete(t.Context(), p.DeepCopy(), client.DryRunAll)
		if apierrors.IsForbidden(err) != refused || !refused && err != nil {
			t.Errorf("%s: %v, want refused %v", user, err, refused)
		}
	}
}

// TestThePoliciesAreUnderstood: a policy in which the API server finds something wrong says so in its status.
func TestThePoliciesAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"blogplatform-promotion", "blogplatform-promotion-override", "blogplatform-operator-secrets"} {
		policy := &unstructured.Unstructured{}
		policy.SetAPIVersion("admissionregistration.k8s.io/v1")
		policy.SetKind("ValidatingAdmissionPolicy")
		err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, timefactor.Scale(30*time.Second), true, func(ctx context.Context) (bool, error) {
			err := server.Get(ctx, client.ObjectKey{Name: name}, policy)
			_, checked, _ := unstructured.NestedMap(policy.Object, "status", "typeChecking")
			return checked, err
		})
		if err != nil {
			t.Fatalf("%s is not looked at: %v", name, err)
		}
		if warnings, found, _ := unstructured.NestedSlice(policy.Object, "status", "typeChecking", "expressionWarnings"); found {
			t.Errorf("%s: %v", name, warnings)
		}
	}
}

// TestTheOperatorDeletesNoSecretsButKeyPairsOfPlatforms, though its role allows it to delete any.
func TestTheOperatorDeletesNoSecretsButKeyPairsOfPlatforms(t *testing.T) {
	const operator = "system:serviceaccount:blogplatform-system:blogplatform-controller-manager"
	if err := server.Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "blogplatform-manager-role"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operator}}}); err != nil {
		t.Fatal(err)
	}
	bound(t, "key-pairs", nil)
	labels := map[string]string{"app.kubernetes.io/managed-by": "blogplatform", "blogplatform.io/platform": "blog"}
	pair := map[string][]byte{"tls.crt": []byte("certificate"), "tls.key": []byte("key")}
	for name, test := range map[string]struct {
		secret  corev1.Secret
		refused bool
	}{
		"key-pair-of-a-platform": {corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Type: corev1.SecretTypeTLS, Data: pair}, false},
		"another-key-pair":       {corev1.Secret{Type: corev1.SecretTypeTLS, Data: pair}, true},
		"password":               {corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: labels}}, true},
	} {
		test.secret.Namespace, test.secret.Name = "key-pairs", name
		if err := server.Create(t.Context(), &test.secret); err != nil {
			t.Fatal(err)
		}
		var answer error
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, timefactor.Scale(30*time.Second), true, func(ctx context.Context) (bool, error) {
			answer = as(t, operator).Delete(ctx, &test.secret, client.DryRunAll)
			refused := apierrors.IsForbidden(answer) && strings.Contains(answer.Error(), "deletes no Secrets but the key pairs")
			return refused == test.refused && (refused || answer == nil), nil
		})
		if err != nil {
			t.Errorf("%s: want refused: %v, the answer is: %v", name, test.refused, answer)
		}
	}
}
