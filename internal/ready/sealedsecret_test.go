package ready

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestASealedSecret(t *testing.T) {
	const (
		spec     = "spec: {encryptedData: {key: AgBy3i4O}, template: {}}\n"
		synced   = spec + `status: {observedGeneration: 2, conditions: [{type: Synced, status: "True"}]}`
		closed   = spec + `status: {observedGeneration: 2, conditions: [{type: Synced, status: "False", message: "no key could decrypt secret (key)"}]}`
		garbled  = spec + `status: {observedGeneration: 2, conditions: [{type: Synced, status: "False", message: "illegal base64 data at input byte 3 (key)"}]}`
		taken    = spec + `status: {observedGeneration: 2, conditions: [{type: Synced, status: "False", message: "failed update: Resource \"blog\" already exists and is not managed by SealedSecret"}]}`
		stuck    = spec + `status: {observedGeneration: 2, conditions: [{type: Synced, status: "False", message: "Operation cannot be fulfilled on secrets \"blog\": the object has been modified"}]}`
		resealed = spec + `status: {observedGeneration: 1, conditions: [{type: Synced, status: "True"}]}`
	)
	complete, empty := map[string]bool{"key": true, "other": true}, map[string]bool{"key": false}
	for _, s := range []struct {
		story
		keys map[string]bool
	}{
		{story{"is new", spec, Progressing, "SecretMissing", "is Sealed Secrets running"}, nil},
		{story{"is opened", synced, Ready, "Unsealed", "is unsealed"}, complete},
		{story{"is opened by a controller that reports nothing", spec, Ready, "Unsealed", ""}, complete},
		{story{"is opened, but its Secret is gone", synced, Progressing, "SecretMissing", ""}, nil},
		{story{"lacks a key", synced, Failed, "KeyMissing", "lacks key; seal these keys"}, map[string]bool{"other": true}},
		{story{"has an empty value", synced, Failed, "KeyMissing", "lacks key"}, empty},
		{story{"cannot be opened", closed, Failed, "CannotUnseal", "wrong scope, name, namespace or sealing key; seal it again for this namespace and name, or restore the sealing key and restart Sealed Secrets"}, nil},
		{story{"is not even ciphertext", garbled, Failed, "CannotUnseal", ""}, nil},
		{story{"was sealed anew and cannot be opened, while the old Secret is there", closed, Failed, "CannotUnseal", ""}, complete},
		{story{"meets a Secret of somebody else", taken, Failed, "SecretNotManaged", "delete that Secret and then this SealedSecret, which the operator creates again"}, complete},
		{story{"is opened, though Synced sticks", stuck, Ready, "Unsealed", ""}, complete},
		{story{"could not be written", stuck, Failed, "NotSynced", "once the cause is gone, delete this SealedSecret"}, nil},
		{story{"could not be written with all keys", stuck, Failed, "NotSynced", ""}, empty},
		{story{"was sealed anew and is not seen yet", resealed, Progressing, "NotObserved", "by Sealed Secrets; if it stays so, see whether that runs"}, complete},
	} {
		s.tell(t, "SealedSecret", func(u *unstructured.Unstructured) Verdict { return SealedSecret(u, s.keys, []string{"key"}) })
	}
}

func TestMissingKeysAreSortedAndTheWishIsNot(t *testing.T) {
	u, want := object(t, "SealedSecret", "spec: {encryptedData: {}, template: {}}"), []string{"b", "c", "a"}
	got := SealedSecret(u, map[string]bool{"c": true}, want)
	if message := "SealedSecret g11-stg/blog: its Secret lacks a, b; seal these keys"; got.Message != message {
		t.Errorf("%q, want %q", got.Message, message)
	}
	if want[0] != "b" || want[1] != "c" || want[2] != "a" {
		t.Errorf("the caller's list was modified: %v", want)
	}
}

func TestASealedSecretThatIsNotThereProgresses(t *testing.T) {
	if got := SealedSecret(nil, map[string]bool{"key": true}, []string{"key"}); got.State != Progressing || got.Reason != "NotCreated" {
		t.Errorf("%+v", got)
	}
}
