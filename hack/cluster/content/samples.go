package content

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"

	"blogplatform.io/operator/hack/cluster/component"

	"blogplatform.io/operator/hack/cluster/kube"
)

// samples are the committed BlogPlatforms, in order.
var samples = []string{"config/samples/blogplatform_staging.yaml", "config/samples/blogplatform_production.yaml"}

// platformReadyWithin is how long a BlogPlatform may take: its database makes a first backup before it is ready.
const platformReadyWithin = 8 * time.Minute

// Samples applies the samples, with this machine's digests and ciphertext laid over them, and waits until both blogs answer.
func Samples(ctx context.Context, c *component.Cluster, out *os.File) error {
	var platforms []*unstructured.Unstructured
	err := c.Progress.Run("images and sealed secrets of the two blogs", func() (err error) {
		platforms, err = overlaidSamples(ctx, c)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.Apply(ctx, platforms...); err != nil {
		return err
	}
	for _, platform := range platforms {
		name := platform.GetNamespace() + "/" + platform.GetName()
		for _, step := range []struct {
			name string
			do   func(context.Context, *component.Cluster, *unstructured.Unstructured) error
		}{
			{"BlogPlatform " + name + " Ready", awaitPlatform},
			{"demo posts of " + name, seed},
			{"home page of " + name, awaitHomePage},
		} {
			if err := c.Progress.Run(step.name, func() error { return step.do(ctx, c, platform) }); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(out)
	if err := c.Kubectl(ctx, out, "get", "blogplatforms", "--all-namespaces"); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, platform := range platforms {
		fmt.Fprintf(out, "https://%s:%d\n", host(platform), c.HTTPSPort)
	}
	if err := printPeople(ctx, c, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nexport KUBECONFIG=%s\n", c.Kubeconfig())
	return nil
}

// printPeople says who can sign in.
func printPeople(ctx context.Context, c *component.Cluster, out io.Writer) error {
	config, err := liveProvider(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nSign in at the fake Asgardeo (https://%s:%d) as\n", providerHost, c.HTTPSPort)
	for i, who := range config.Users {
		role := "a Reader until an Admin says otherwise"
		if i == 0 {
			role = "the first Admin"
		}
		fmt.Fprintf(out, "  %-20s password %-8s %s\n", who.UserName, who.Password, role)
	}
	return nil
}

// overlaidSamples reads the samples and replaces what only this cluster knows: digests, ciphertext, the port.
func overlaidSamples(ctx context.Context, c *component.Cluster) ([]*unstructured.Unstructured, error) {
	references, err := loadServices(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	config, err := liveProvider(ctx, c)
	if err != nil {
		return nil, err
	}
	authority, err := authority(ctx, c)
	if err != nil {
		return nil, err
	}
	var platforms []*unstructured.Unstructured
	for _, file := range samples {
		objects, err := controlplane.ReadObjects(filepath.Join(c.Root, file))
		if err != nil {
			return nil, err
		}
		platform := objects[0]
		if err := errors.Join(
			unstructured.SetNestedStringMap(platform.Object, references, "spec", "release", "images"),
			unstructured.SetNestedField(platform.Object, int64(c.HTTPSPort), "spec", "gateway", "httpsPort"),
			overlayIdentity(platform, config, authority),
			sealSecrets(ctx, c, platform, config),
		); err != nil {
			return nil, err
		}
		platforms = append(platforms, platform)
	}
	return platforms, nil
}

// sealSecrets writes the ciphertext that the platform already has, so that
// another up changes nothing, or what is new sealed for this cluster.
func sealSecrets(ctx context.Context, c *component.Cluster, platform *unstructured.Unstructured, config provider) error {
	oidc, errOIDC := config.client(oidcClient(platform))
	scim, errSCIM := config.client(scimClient(platform))
	live := platform.DeepCopy()
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(platform), live)
	if err := errors.Join(errOIDC, errSCIM, client.IgnoreNotFound(err)); err != nil {
		return err
	}
	if err != nil {
		live = nil
	}
	publicKey, err := sealingKey(ctx, c)
	if err != nil {
		return err
	}
	for _, secret := range []struct{ name, field, value string }{
		{"cookies", "key", rand.Text() + rand.Text()},
		{"oidc", "clientSecret", oidc.Secret},
		{"scim", "clientSecret", scim.Secret},
	} {
		path := []string{"spec", "secrets", secret.name, "sealed", secret.field}
		ciphertext := ""
		if live != nil {
			ciphertext, _, _ = unstructured.NestedString(live.Object, path...) // the API server has validated it
		}
		if ciphertext == "" {
			if ciphertext, err = sealFor(platform, publicKey, secret.name, secret.value); err != nil {
				return err
			}
		}
		if err := unstructured.SetNestedField(platform.Object, ciphertext, path...); err != nil {
			return err
		}
	}
	return nil
}

func sealFor(platform *unstructured.Unstructured, publicKey *rsa.PublicKey, name, value string) (string, error) {
	label := sealedsecrets.EncryptionLabel(platform.GetNamespace(), platform.GetName()+"-"+name, sealedsecrets.StrictScope)
	ciphertext, err := crypto.HybridEncrypt(rand.Reader, publicKey, []byte(value), label)
	return base64.StdEncoding.EncodeToString(ciphertext), err
}

// sealingKey asks the Sealed Secrets controller for its certificate, as kubeseal does.
func sealingKey(ctx context.Context, c *component.Cluster) (*rsa.PublicKey, error) {
	var answer []byte
	err := kube.Poll(ctx, "certificate of Sealed Secrets", func(ctx context.Context) (bool, error) {
		var err error
		answer, err = c.Clientset.CoreV1().Services("sealed-secrets").ProxyGet("http", "sealed-secrets-controller", "8080", "/v1/cert.pem", nil).DoRaw(ctx)
		return err == nil, nil
	})
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(answer)
	if block == nil {
		return nil, errors.New("the Sealed Secrets controller answered no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the certificate of Sealed Secrets holds a %T, want an RSA key", certificate.PublicKey)
	}
	return key, nil
}

func awaitPlatform(ctx context.Context, c *component.Cluster, platform *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, platformReadyWithin)
	defer cancel()
	return c.AwaitCondition(ctx, platform.GetAPIVersion(), platform.GetKind(), platform.GetNamespace(), platform.GetName(), "Ready")
}

// seed runs the content service's own seed command in a pod like those of the service.
func seed(ctx context.Context, c *component.Cluster, platform *unstructured.Unstructured) error {
	rollout := &unstructured.Unstructured{}
	rollout.SetAPIVersion("argoproj.io/v1alpha1")
	rollout.SetKind("Rollout")
	key := client.ObjectKey{Namespace: platform.GetNamespace(), Name: platform.GetName() + "-content"}
	if err := c.Client.Get(ctx, key, rollout); err != nil {
		return err
	}
	fields, _, err := unstructured.NestedMap(rollout.Object, "spec", "template")
	if err != nil {
		return err
	}
	var template corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &template); err != nil {
		return err
	}
	job := seedJob(key.Namespace, platform.GetName()+"-seed", template)
	if _, err := c.Clientset.BatchV1().Jobs(key.Namespace).Create(ctx, job, metav1.CreateOptions{}); client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, component.ReadyWithin)
	defer cancel()
	return c.AwaitCondition(ctx, "batch/v1", "Job", job.Namespace, job.Name, "Complete")
}

func seedJob(namespace, name string, template corev1.PodTemplateSpec) *batchv1.Job {
	// Without its labels the pod is the service's by identity, and gets none of its requests.
	template.Labels = nil
	template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	container := &template.Spec.Containers[0]
	container.Args = []string{"seed", "--force"}
	container.LivenessProbe, container.ReadinessProbe, container.StartupProbe, container.Ports = nil, nil, nil, nil
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: batchv1.JobSpec{Template: template}}
}

func host(platform *unstructured.Unstructured) string {
	hosts, _, _ := unstructured.NestedStringSlice(platform.Object, "spec", "hosts") // the API server has validated them
	return hosts[0]
}

// awaitHomePage waits until a browser on this machine gets the home page.
func awaitHomePage(ctx context.Context, c *component.Cluster, platform *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, component.ReadyWithin)
	defer cancel()
	return awaitPage(ctx, c, host(platform), "/")
}

// awaitPage waits until a browser on this machine gets a page of a host.
func awaitPage(ctx context.Context, c *component.Cluster, host, path string) error {
	browser := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.HTTPSPort)))
		},
		// The authority lives in this cluster only; here it is asked whether the page is served.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	url := fmt.Sprintf("https://%s:%d%s", host, c.HTTPSPort, path)
	return kube.Poll(ctx, url, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := browser.Do(request)
		if err != nil {
			c.Progress.Detail(err.Error())
			return false, nil
		}
		c.Progress.Detail(response.Status)
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}
