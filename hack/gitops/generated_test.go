package gitops_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/gitops"
)

// component has one of everything.
var component = gitops.Component{
	Name: "mesh", Wave: 2, Namespace: "mesh-system",
	Chart:  gitops.Chart{Repository: "https://charts.example.com", Name: "meshd", Version: "1.2.3"},
	Values: map[string]any{"replicas": 2},
	IgnoreDifferences: []gitops.Ignored{
		{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration", Manager: "meshd"},
		{Group: "apps", Kind: "Deployment", Name: "gateway", Fields: []string{"/spec/replicas"}},
	},
}

// application is what Argo CD deploys it by.
const application = `# Generated from config/gitops/components/mesh.yaml by make generate-gitops.
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "2"
  name: mesh
  namespace: argocd
spec:
  destination:
    name: in-cluster
    namespace: mesh-system
  ignoreDifferences:
  - group: admissionregistration.k8s.io
    kind: MutatingWebhookConfiguration
    managedFieldsManagers:
    - meshd
  - group: apps
    jsonPointers:
    - /spec/replicas
    kind: Deployment
    name: gateway
  project: components
  source:
    chart: meshd
    helm:
      releaseName: mesh
      valuesObject:
        replicas: 2
    repoURL: https://charts.example.com
    targetRevision: 1.2.3
  syncPolicy:
    automated:
      prune: true
      selfHeal: true
    retry:
      backoff:
        duration: 10s
        factor: 2
        maxDuration: 5m
      limit: 10
    syncOptions:
    - CreateNamespace=true
    - ServerSideApply=true
    - Prune=confirm
    - RespectIgnoreDifferences=true
`

// helmRelease is what Flux deploys it by.
const helmRelease = `# Generated from config/gitops/components/mesh.yaml by make generate-gitops.
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: mesh
  namespace: flux-system
spec:
  interval: 1h
  url: https://charts.example.com
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: mesh
  namespace: flux-system
spec:
  chart:
    spec:
      chart: meshd
      sourceRef:
        kind: HelmRepository
        name: mesh
      version: 1.2.3
  driftDetection:
    ignore:
    - paths:
      - /webhooks
      target:
        group: admissionregistration.k8s.io
        kind: MutatingWebhookConfiguration
    - paths:
      - /spec/replicas
      target:
        group: apps
        kind: Deployment
        name: gateway
    mode: enabled
  install:
    crds: CreateReplace
    createNamespace: true
    remediation:
      retries: 10
  interval: 1h
  releaseName: mesh
  storageNamespace: mesh-system
  targetNamespace: mesh-system
  upgrade:
    crds: CreateReplace
    remediation:
      retries: 3
  values:
    replicas: 2
`

func TestAComponentIsAnApplicationAndAHelmRelease(t *testing.T) {
	files, err := gitops.Files([]gitops.Component{component})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"argocd/components/mesh.yaml": application, "flux/components/mesh.yaml": helmRelease} {
		if diff := cmp.Diff(want, files[path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestValuesThatAreNoYAMLNameTheirComponent(t *testing.T) {
	broken := component
	broken.Values = map[string]any{"replicas": func() {}}
	if _, err := gitops.Files([]gitops.Component{broken}); err == nil || err.Error()[:14] != "component mesh" {
		t.Errorf("the answer is %v", err)
	}
}

func TestComponentsAreReadInTheOrderInWhichTheyAreInstalled(t *testing.T) {
	components, err := gitops.Components("../..")
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(components); i++ {
		before, after := components[i-1], components[i]
		if before.Wave > after.Wave || before.Wave == after.Wave && before.Name >= after.Name {
			t.Errorf("%s of wave %d comes before %s of wave %d", before.Name, before.Wave, after.Name, after.Wave)
		}
	}
}
