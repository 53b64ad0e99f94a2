package plan

import (
	"maps"
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Ports of a service's pods: requests, and probes and metrics. The latter is never routed.
const (
	portApp   = 8080
	portAdmin = 9090
)

const (
	// user runs the containers, whatever their images say.
	user = 65532
	// drainSeconds is more than the 25 s that a service takes to end at most,
	// because the proxy beside it ends after it.
	drainSeconds = 45
)

// Volumes of a pod, and where they are in its container.
const (
	databaseVolume = "database"
	databaseFolder = "/etc/blog/database"
	authorityFile  = "ca.crt"
	passwordFile   = "password"
	cookiesVolume  = "cookies"
	cookiesFolder  = "/etc/blog/cookies"
)

// template is the pod of a service in a release. Any change of it restarts the
// pods of everybody who upgrades the operator.
func (b *builder) template(service naming.Service, release v1alpha1.Release) corev1.PodTemplateSpec {
	container := b.container(service, release)
	container.Args = []string{"serve"}
	container.Ports = []corev1.ContainerPort{
		{Name: "http", ContainerPort: portApp, Protocol: corev1.ProtocolTCP},
		{Name: "admin", ContainerPort: portAdmin, Protocol: corev1.ProtocolTCP},
	}
	// Liveness and start speak of the process alone: a service waits for its
	// database as long as that takes, and says so by not being ready.
	container.StartupProbe = probe("/livez", 1, 30)
	container.LivenessProbe = probe("/livez", 10, 3)
	container.ReadinessProbe = probe("/readyz", 5, 2)
	container.Env = append(container.Env, b.servingEnv(service)...)
	container.Env = append(container.Env, corev1.EnvVar{Name: "POD_TEMPLATE_HASH", ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.labels['" + labelTemplateHash + "']"},
	}})

	spec := b.podSpec(b.names.Workload(service), container)
	spec.Volumes = b.volumes(service)
	if service == naming.User {
		volumes, mounts := b.identityVolumes()
		spec.Volumes = append(spec.Volumes, volumes...)
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, mounts...)
	}
	spec.TerminationGracePeriodSeconds = new(int64(drainSeconds))
	placement := serviceSpec(b.Platform.Spec.Services, service)
	spec.NodeSelector, spec.Tolerations = placement.NodeSelector, placement.Tolerations
	spec.TopologySpreadConstraints = b.spread(service, placement.TopologySpread)
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: b.podLabels(b.names.Selector(service)), Annotations: b.podAnnotations(service)},
		Spec:       spec,
	}
}

// container runs the image of a service with all that it needs, whatever it is asked to do.
func (b *builder) container(service naming.Service, release v1alpha1.Release) corev1.Container {
	container := b.bareContainer(string(service), service, release)
	if service == naming.Frontend {
		container.Env = append(container.Env, b.frontendEnv()...)
		container.VolumeMounts = []corev1.VolumeMount{b.cookies().mount(cookiesVolume, cookiesFolder)}
	} else {
		container.Env = append(container.Env, b.databaseEnv(service)...)
		container.VolumeMounts = []corev1.VolumeMount{{Name: databaseVolume, MountPath: databaseFolder, ReadOnly: true}}
	}
	return container
}

// bareContainer runs the image of a service without any secret.
func (b *builder) bareContainer(name string, service naming.Service, release v1alpha1.Release) corev1.Container {
	resources := b.values.workloads[service].resources
	env := []corev1.EnvVar{
		{Name: "RELEASE_VERSION", Value: release.Version},
		{Name: "BLOG_ENVIRONMENT", Value: string(b.Platform.Spec.Environment)},
	}
	if limit, ok := resources.Limits[corev1.ResourceMemory]; ok {
		// The garbage collector works harder before the kernel kills.
		env = append(env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(limit.Value()/10*9, 10)})
	}
	return corev1.Container{
		Name:      name,
		Image:     image(release.Images, service),
		Env:       env,
		Resources: resources,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		// What a process that crashed has said last is why a release is taken back.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}

// podSpec is what all pods have in common: Pod Security restricted, and no
// credentials of the Kubernetes API.
func (b *builder) podSpec(account string, container corev1.Container) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName:           account,
		AutomountServiceAccountToken: new(false),
		EnableServiceLinks:           new(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(user)), RunAsGroup: new(int64(user)), FSGroup: new(int64(user)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{container},
	}
}

func (b *builder) podLabels(selector map[string]string) map[string]string {
	labels := b.names.Labels()
	maps.Copy(labels, selector)
	return labels
}

// podAnnotations lead Prometheus to the metrics: the injector rewrites them to
// the proxy's merged page, which is the one that answers outside the mesh. The
// proxy adds there how requests went that came in, whether or not the service
// lived to count them.
func (b *builder) podAnnotations(service naming.Service) map[string]string {
	annotations := map[string]string{
		"prometheus.io/scrape":                    "true",
		"prometheus.io/port":                      strconv.Itoa(portAdmin),
		"prometheus.io/path":                      "/metrics",
		"sidecar.istio.io/statsInclusionPrefixes": "http.inbound_",
		// The proxy's emptyDir volumes would keep the cluster autoscaler from removing
		// the node. No pod keeps anything there.
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
	}
	if sealed := b.Platform.Spec.Secrets.Cookies.Sealed; service == naming.Frontend && sealed != nil {
		annotations[naming.AnnotationCookies] = naming.Hash(sealed.Key)
	}
	if service == naming.User && b.Platform.Spec.Identity != nil {
		annotations[naming.AnnotationIdentity] = b.identityHash()
	}
	return annotations
}

// servingEnv is what a service needs to serve, and not to migrate: who signs
// tokens, where the keys are to be had, and for the user service, who erases
// whoever leaves, and who the identity provider is. To the frontend that says
// only that people can sign in.
func (b *builder) servingEnv(service naming.Service) []corev1.EnvVar {
	issuer := corev1.EnvVar{Name: "TOKEN_ISSUER", Value: b.names.TokenIssuer()}
	switch service {
	case naming.Frontend:
		if b.Platform.Spec.Identity == nil {
			return nil
		}
		return []corev1.EnvVar{{Name: "OIDC_ISSUER", Value: b.Platform.Spec.Identity.Issuer}}
	case naming.User:
		env := []corev1.EnvVar{issuer, {Name: "PUBLIC_URL", Value: b.publicURL()}, b.urlOf(naming.Content), b.urlOf(naming.Comment)}
		return append(env, b.identityEnv()...)
	}
	return []corev1.EnvVar{issuer, b.urlOf(naming.User)}
}

// urlOf says where a service is.
func (b *builder) urlOf(service naming.Service) corev1.EnvVar {
	return corev1.EnvVar{Name: strings.ToUpper(string(service)) + "_URL", Value: "http://" + b.names.Host(service) + ":" + strconv.Itoa(portApp)}
}

func (b *builder) frontendEnv() []corev1.EnvVar {
	env := append(b.publicEnv(), corev1.EnvVar{Name: "COOKIE_KEY_FILE", Value: path.Join(cookiesFolder, naming.KeyOfCookies)})
	// Left out where it says nothing new, so that no pod is replaced for it.
	if hops := b.values.gateway.trustedHops; hops != defaultHops {
		env = append(env, corev1.EnvVar{Name: "TRUSTED_HOPS", Value: strconv.Itoa(int(hops))})
	}
	return env
}

// publicEnv says where readers find the blog, and where its data services are.
func (b *builder) publicEnv() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "PUBLIC_URL", Value: b.publicURL()}, b.urlOf(naming.User), b.urlOf(naming.Content), b.urlOf(naming.Comment),
	}
}

// publicURL is the canonical address of the blog.
func (b *builder) publicURL() string {
	url := "https://" + b.Platform.Spec.Hosts[0]
	if port := b.values.gateway.httpsPort; port != 443 {
		url += ":" + strconv.Itoa(int(port))
	}
	return url
}

// databaseEnv is libpq's, the leader under a name that its certificate has, and
// how many connections the database has room for.
func (b *builder) databaseEnv(service naming.Service) []corev1.EnvVar {
	role := naming.DatabaseRole(service)
	return []corev1.EnvVar{
		{Name: "PGHOST", Value: b.names.DatabaseHost()},
		{Name: "PGPORT", Value: strconv.Itoa(portPostgres)},
		{Name: "PGDATABASE", Value: role},
		{Name: "PGUSER", Value: role},
		// What services up to v0.1 read; later ones read the file, which follows the Secret.
		{Name: "PGPASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: b.names.DatabaseSecret(service)}, Key: passwordFile,
		}}},
		{Name: "PGPASSWORD_FILE", Value: path.Join(databaseFolder, passwordFile)},
		{Name: "PGSSLMODE", Value: "verify-full"},
		{Name: "PGSSLROOTCERT", Value: path.Join(databaseFolder, authorityFile)},
		{Name: "DATABASE_CONNECTIONS", Value: strconv.Itoa(poolSize)},
	}
}

// volumes hold the cookie key of the frontend or, for a data service, its password
// and the authority of PostgreSQL's certificate without its private key. The files
// follow their Secrets, and the services read them again.
func (b *builder) volumes(service naming.Service) []corev1.Volume {
	if service == naming.Frontend {
		return []corev1.Volume{b.cookies().volume(cookiesVolume)}
	}
	return []corev1.Volume{{Name: databaseVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o440)),
		Sources: []corev1.VolumeProjection{
			secretFile(b.names.DatabaseCertificate(), authorityFile),
			secretFile(b.names.DatabaseSecret(service), passwordFile),
		},
	}}}}
}

// secretFile is one key of a Secret, as a file of that name.
func secretFile(secret, key string) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Items: []corev1.KeyToPath{{Key: key, Path: key}},
	}}
}

// spread puts the pods of a template on different nodes and zones where it can,
// unless the spec says how. Pods of another template do not count, or those of a new
// release would find no node beside the old ones; nor do nodes that the pods may not
// use. It does not ask for the number of pods: another
// number must not be another template.
func (b *builder) spread(service naming.Service, wanted []corev1.TopologySpreadConstraint) []corev1.TopologySpreadConstraint {
	if len(wanted) == 0 {
		for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
			wanted = append(wanted, corev1.TopologySpreadConstraint{TopologyKey: key, MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway})
		}
	}
	var constraints []corev1.TopologySpreadConstraint
	for _, constraint := range wanted {
		if constraint.LabelSelector == nil {
			constraint.LabelSelector = &metav1.LabelSelector{MatchLabels: b.names.Selector(service)}
			if constraint.MatchLabelKeys == nil {
				constraint.MatchLabelKeys = []string{labelTemplateHash}
			}
		}
		if constraint.NodeTaintsPolicy == nil {
			constraint.NodeTaintsPolicy = new(corev1.NodeInclusionPolicyHonor)
		}
		constraints = append(constraints, constraint)
	}
	return constraints
}

func probe(path string, periodSeconds, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("admin"), Scheme: corev1.URISchemeHTTP}},
		PeriodSeconds: periodSeconds, FailureThreshold: failures, TimeoutSeconds: 2,
	}
}

func image(images v1alpha1.Images, service naming.Service) string {
	switch service {
	case naming.Frontend:
		return images.Frontend
	case naming.User:
		return images.User
	case naming.Content:
		return images.Content
	default:
		return images.Comment
	}
}
