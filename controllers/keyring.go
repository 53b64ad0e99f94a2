package controllers

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/kube"
)

// keyring knows which keys Secrets have. Values are read to learn their keys
// and not kept; a Secret is read again only when its resourceVersion changed.
type keyring struct {
	cache, live client.Reader

	mu    sync.Mutex
	known map[types.NamespacedName]knownKeys
}

type knownKeys struct {
	version string
	keys    map[string]bool
}

func newKeyring(cache, live client.Reader) *keyring {
	return &keyring{cache: cache, live: live, known: map[types.NamespacedName]knownKeys{}}
}

// keys of a Secret that are not empty; nil means that there is no such Secret.
func (k *keyring) keys(ctx context.Context, name types.NamespacedName) (map[string]bool, error) {
	// Known to be asked for before it is looked for: else its arrival in between would be missed.
	known := k.ask(name)
	metadata := kube.Metadata(kube.Secrets)
	err := k.cache.Get(ctx, name, metadata)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read metadata of Secret %s: %w", name, err)
	}
	if known.version == metadata.ResourceVersion {
		return known.keys, nil
	}
	var secret corev1.Secret
	err = k.live.Get(ctx, name, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys of Secret %s: %w", name, err)
	}
	known = knownKeys{version: secret.ResourceVersion, keys: map[string]bool{}}
	for key, value := range secret.Data {
		known.keys[key] = len(value) > 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[name] = known
	return known.keys, nil
}

// ask notes that somebody wants to know of a Secret, and answers what is known.
func (k *keyring) ask(name types.NamespacedName) knownKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.known[name]
	k.known[name] = known
	return known
}

// asked tells whether anybody has asked for a Secret.
func (k *keyring) asked(name types.NamespacedName) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.known[name]
	return ok
}
