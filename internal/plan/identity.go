package plan

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	istio "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

// Volumes of the user service with what it shows to and expects of the identity
// provider, and where they are in its container.
const (
	oidcVolume     = "oidc"
	oidcFolder     = "/etc/blog/oidc"
	scimVolume     = "scim"
	scimFolder     = "/etc/blog/scim"
	identityVolume = "identity"
	identityFolder = "/etc/blog/identity"
)

// endpoint is where a provider is reached.
type endpoint struct {
	host string
	port int32
}

// providers are where the user service may go outside, each once, in order.
func (b *builder) providers() []endpoint {
	identity := b.Platform.Spec.Identity
	if identity == nil {
		return nil
	}
	addresses := []string{identity.Issuer}
	if identity.SCIM != nil {
		addresses = append(addresses, identity.SCIM.BaseURL)
	}
	var all []endpoint
	for _, address := range addresses {
		if e := endpointOf(address); !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// endpointOf is the host and port of a URL that the API server has validated.
func endpointOf(address string) endpoint {
	parsed, err := url.Parse(address)
	if err != nil {
		return endpoint{}
	}
	port := int32(443)
	if n, err := strconv.ParseInt(parsed.Port(), 10, 32); err == nil {
		port = int32(n)
	}
	return endpoint{parsed.Hostname(), port}
}

// behindGateway tells whether our own gateway serves the host: one of the blog's,
// or a name that outside of a cluster is nothing but loopback (RFC 6761, section
// 6.3), to which Envoy would take it literally.
func (b *builder) behindGateway(e endpoint) bool {
	return strings.HasSuffix(e.host, ".localhost") || slices.Contains(b.Platform.Spec.Hosts, e.host)
}

// authorities are the CA bundles of the provider that pods of the target, and of the
// release before, mount. Each has a name of its own, so that neither sees the other's.
func (b *builder) authorities() {
	var names []string
	for _, set := range []*Set{&b.target, b.Run.Good} {
		name, bundle := b.authority(set)
		if name == "" || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		b.gate(StageSecrets, &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: b.meta(name),
			Data: map[string]string{authorityFile: bundle},
		})
	}
}

// authority is the ConfigMap that the pods of a set mount, and its CA bundle: that of
// the spec for a set that was made by an operator which did not keep it.
func (b *builder) authority(set *Set) (name, bundle string) {
	if set == nil {
		return "", ""
	}
	for _, volume := range set.Templates[naming.User].Spec.Volumes {
		if volume.Name == identityVolume && volume.ConfigMap != nil {
			name = volume.ConfigMap.Name
		}
	}
	bundle = set.Authority
	if identity := b.Platform.Spec.Identity; bundle == "" && identity != nil {
		bundle = identity.CABundle
	}
	return name, bundle
}

// identity is the way of the user service to the identity provider. That no other
// pod has it is said by their scopes, which know Services only.
func (b *builder) identity() {
	if b.Platform.Spec.Identity == nil {
		return
	}
	outside := slices.DeleteFunc(b.providers(), b.behindGateway)
	if len(outside) == 0 {
		return
	}
	entry := &networkingv1.ServiceEntry{
		TypeMeta: networkingType("ServiceEntry"), ObjectMeta: b.meta(b.names.Identity()),
		Spec: istio.ServiceEntry{
			ExportTo: []string{"."}, Location: istio.ServiceEntry_MESH_EXTERNAL, Resolution: istio.ServiceEntry_DNS,
		},
	}
	var ports []int32
	for _, e := range outside {
		if !slices.Contains(entry.Spec.Hosts, e.host) {
			entry.Spec.Hosts = append(entry.Spec.Hosts, e.host)
		}
		if !slices.Contains(ports, e.port) {
			ports = append(ports, e.port)
		}
	}
	for _, port := range ports {
		// The proxy sees the name that is asked for, and nothing of what is said.
		entry.Spec.Ports = append(entry.Spec.Ports, &istio.ServicePort{Number: uint32(port), Name: "tls-" + strconv.Itoa(int(port)), Protocol: "TLS"})
	}
	b.gate(StageMesh, entry)
	// Its addresses are not known here, and change.
	user := metav1.LabelSelector{MatchLabels: b.names.Selector(naming.User)}
	b.gate(StageMesh, b.networkPolicy(b.names.Identity(), user, nil, []netv1.NetworkPolicyEgressRule{{Ports: tcp(ports...)}}))
}

// identityEnv says who the provider is, and who the blog is there.
func (b *builder) identityEnv() []corev1.EnvVar {
	identity := b.Platform.Spec.Identity
	if identity == nil {
		return nil
	}
	env := []corev1.EnvVar{
		{Name: "OIDC_ISSUER", Value: identity.Issuer},
		{Name: "OIDC_CLIENT_ID", Value: identity.ClientID},
		{Name: "OIDC_CLIENT_SECRET_FILE", Value: path.Join(oidcFolder, naming.KeyOfClientSecret)},
	}
	if identity.CABundle != "" {
		env = append(env, corev1.EnvVar{Name: "OIDC_CA_FILE", Value: path.Join(identityFolder, authorityFile)})
	}
	if identity.SCIM != nil {
		env = append(env,
			corev1.EnvVar{Name: "SCIM_URL", Value: identity.SCIM.BaseURL},
			corev1.EnvVar{Name: "SCIM_CLIENT_ID", Value: identity.SCIM.ClientID},
			corev1.EnvVar{Name: "SCIM_CLIENT_SECRET_FILE", Value: path.Join(scimFolder, naming.KeyOfClientSecret)})
	}
	if identity.BootstrapAdmin != nil {
		env = append(env, corev1.EnvVar{Name: "BOOTSTRAP_ADMIN_SUBJECT", Value: identity.BootstrapAdmin.Subject})
	}
	return env
}

// identityVolumes are the files that identityEnv names.
func (b *builder) identityVolumes() (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	identity := b.Platform.Spec.Identity
	if identity == nil {
		return nil, nil
	}
	// The API server lets no secret come without its use.
	secrets := b.clientSecrets()
	for i, use := range []struct{ volume, folder string }{{oidcVolume, oidcFolder}, {scimVolume, scimFolder}}[:len(secrets)] {
		volumes, mounts = append(volumes, secrets[i].volume(use.volume)), append(mounts, secrets[i].mount(use.volume, use.folder))
	}
	if identity.CABundle != "" {
		volumes = append(volumes, corev1.Volume{Name: identityVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: b.names.Authority(naming.Hash(identity.CABundle))}, DefaultMode: new(int32(0o440)),
		}}})
		mounts = append(mounts, corev1.VolumeMount{Name: identityVolume, MountPath: identityFolder, ReadOnly: true})
	}
	return volumes, mounts
}

// identityHash changes with the client secrets that are sealed, which are a part of the
// release. What users keep in Secrets of their own is followed without one.
func (b *builder) identityHash() string {
	var parts []string
	for _, s := range b.clientSecrets() {
		parts = append(parts, s.sealed[s.key])
	}
	return naming.Hash(parts...)
}
