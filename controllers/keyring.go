package controllers

import (
	"context"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/kube"
)

// keyring knows which keys the Secrets have that platforms ask for. Values are read
// to learn their keys and not kept; a Secret is read again only when its
// resourceVersion changed. What a platform does not ask for any more is freed.
type keyring struct {
	cache, live client.Reader

	mu sync.Mutex
	// known are the Secrets that each platform asks for, by name in its namespace.
	known map[types.NamespacedName]map[string]knownKeys
}

type knownKeys struct {
	version string
	keys    map[string]bool
	// asked is true for what was asked for since the last sweep.
	asked bool
}

func newKeyring(cache, live client.Reader) *keyring {
	return &keyring{cache: cache, live: live, known: map[types.NamespacedName]map[string]knownKeys{}}
}

// keys of a Secret in the namespace of a platform that are not empty; nil means
// that there is no such Secret.
func (k *keyring) keys(ctx context.Context, platform types.NamespacedName, name string) (map[string]bool, error) {
	// Known to be asked for before it is looked for: else its arrival in between would be missed.
	known := k.ask(platform, name)
	metadata := kube.Metadata(kube.Secrets)
	secretKey := client.ObjectKey{Namespace: platform.Namespace, Name: name}
	err := k.cache.Get(ctx, secretKey, metadata)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read metadata of Secret %s: %w", secretKey, err)
	}
	if known.version == metadata.ResourceVersion {
		return known.keys, nil
	}
	var secret corev1.Secret
	err = k.live.Get(ctx, secretKey, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys of Secret %s: %w", secretKey, err)
	}
	known = knownKeys{version: secret.ResourceVersion, keys: map[string]bool{}}
	for key, value := range secret.Data {
		known.keys[key] = len(value) > 0
	}
	k.note(platform, name, known)
	return known.keys, nil
}

// ask notes that a platform wants to know of a Secret in its namespace, and answers what is known.
func (k *keyring) ask(platform types.NamespacedName, name string) knownKeys {
	k.mu.Lock()
	known := k.known[platform][name]
	k.mu.Unlock()
	k.note(platform, name, known)
	return known
}

// note remembers what is known of a Secret that a platform asks for.
func (k *keyring) note(platform types.NamespacedName, name string, known knownKeys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[platform] == nil {
		k.known[platform] = map[string]knownKeys{}
	}
	known.asked = true
	k.known[platform][name] = known
}

// askers are the platforms that ask for a Secret.
func (k *keyring) askers(secret types.NamespacedName) []types.NamespacedName {
	k.mu.Lock()
	defer k.mu.Unlock()
	var askers []types.NamespacedName
	for platform, secrets := range k.known {
		if _, asks := secrets[secret.Name]; asks && platform.Namespace == secret.Namespace {
			askers = append(askers, platform)
		}
	}
	return askers
}

// sweep frees what a platform has not asked for since the last sweep.
func (k *keyring) sweep(platform types.NamespacedName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	secrets := k.known[platform]
	maps.DeleteFunc(secrets, func(_ string, known knownKeys) bool { return !known.asked })
	for name, known := range secrets {
		known.asked = false
		secrets[name] = known
	}
}

// forget frees what is known for a platform that is gone.
func (k *keyring) forget(platform types.NamespacedName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, platform)
}
