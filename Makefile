# The commands of this project. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := bin
CLUSTER := $(BIN)/cluster
# Whose files are built: behind sudo those of the user who called.
CALLER := $(or $(SUDO_USER),$(USER))
CALLER_HOME := $(or $(shell getent passwd '$(CALLER)' | cut -d: -f6),$(HOME))
# Go where its archive, golang.org/dl or snap put it, if PATH does not lead there: sudo has a PATH of its own.
ifeq ($(shell command -v go),)
export PATH := $(PATH):$(subst $() ,:,$(wildcard /usr/local/go/bin $(CALLER_HOME)/sdk/go*/bin $(CALLER_HOME)/go/bin /snap/bin))
endif
# The same flags for everything, so that `make up`, `make test` and `make lint` share one build cache.
export GOFLAGS := $(strip $(filter-out -trimpath,$(shell PATH='$(PATH)' go env GOFLAGS 2>/dev/null)) -trimpath)
export CGO_ENABLED := 0
# Root behind sudo builds as the user.
ifneq ($(SUDO_USER),)
ifeq ($(shell id -u),0)
AS_CALLER := runuser -u '$(SUDO_USER)' -- env "HOME=$(CALLER_HOME)" "USER=$(SUDO_USER)"
endif
endif
KUBECTL ?= kubectl
# Image that `make deploy` installs.
IMG ?= blogplatform.local/operator:dev

##@ Local cluster

# Ports on 127.0.0.1 of the blog and of the Kubernetes API.
HTTPS_PORT ?= 8443
API_PORT ?= 6443
# The component that `make up` ends with, such as CoreDNS; everything if empty.
TO ?=
# Where what the cluster runs comes from: auto, source or upstream (docs/local-cluster-sources.md).
CLUSTER_FROM ?= auto

.PHONY: up
up: $(CLUSTER) ## Build and start a real Kubernetes with the operator and two BlogPlatforms, or as far as TO. Resumes where it was interrupted.
	@$(CLUSTER) up --https-port $(HTTPS_PORT) --api-port $(API_PORT) --to '$(TO)' --from '$(CLUSTER_FROM)'

.PHONY: preflight
preflight: $(CLUSTER) ## Look at this machine and say what would stand in the way of `make up`. Creates nothing.
	@$(CLUSTER) preflight --https-port $(HTTPS_PORT) --api-port $(API_PORT) --to '$(TO)'

.PHONY: status
status: $(CLUSTER) ## Show what of the local cluster runs and is ready.
	@$(CLUSTER) status

.PHONY: env
env: $(CLUSTER) ## Print what makes kubectl in a shell that of the local cluster: eval "$(make env)".
	@$(CLUSTER) env

.PHONY: release
release: $(CLUSTER) ## Build this checkout as release VERSION, load it into the local cluster and have staging ask for it.
	@$(CLUSTER) release --version "$$VERSION"

.PHONY: run
run: $(CLUSTER) ## Run the operator of this checkout on the host, in the place of the one in the local cluster, until Ctrl-C.
	@hack/run.sh

.PHONY: down
down: $(CLUSTER) ## End the local cluster and remove its state (.cluster). What was built stays cached.
	@$(CLUSTER) down

.PHONY: clean-cache
clean-cache: $(CLUSTER) ## Remove everything that was built for local clusters from the user's cache folder.
	@$(CLUSTER) clean-cache

.PHONY: lock-upstream
lock-upstream: ## Write the digests of the released programs and images that make up can download. Needs internet access (docs/local-cluster-sources.md).
	@go run ./hack/cluster/upstream/cmd

##@ Without a cluster

# Where `make dev` is found.
DEV_PORT ?= 9443

.PHONY: dev
dev: ## Run the four services, a fake Asgardeo and PostgreSQL with demo content and people, over TLS. Needs no root.
	@go build -o $(BIN)/dev ./services/internal/testing/dev
	@exec $(BIN)/dev -port $(DEV_PORT)

##@ Tests

.PHONY: test
test: $(BIN)/gotestsum ## Run every test that needs no node, on a real etcd and kube-apiserver. Neither root nor a running cluster is needed.
	@hack/test.sh

.PHONY: e2e
e2e: $(CLUSTER) $(BIN)/gotestsum ## Bring up a second cluster on free ports, check it from inside and outside the mesh, take it down.
	@hack/e2e.sh

.PHONY: e2e-delivery
e2e-delivery: $(CLUSTER) $(BIN)/gotestsum ## The same for the way of a good release into production, and of a bad one not even out of staging.
	@hack/e2e.sh -tags=e2e,delivery -run GoodRelease

.PHONY: e2e-faults
e2e-faults: $(CLUSTER) $(BIN)/gotestsum ## The same for faults: missing images, pods that crash, claimed hosts, volumes that cannot grow, backups that fail, replaced passwords and authorities, loads without pods, certificates that expire, edited steps, an operator or its peers that are away.
	@hack/e2e.sh -tags=e2e,faults -run Fault

.PHONY: e2e-gitops
e2e-gitops: $(CLUSTER) $(BIN)/gotestsum ## The same with Argo CD: releases, promotion and the way back by commits, changes by hand, and Applications that are made again or named like a platform.
	@TO=Argo-CD hack/e2e.sh -tags=e2e,gitops -run GitOps

.PHONY: e2e-alerts
e2e-alerts: $(CLUSTER) $(BIN)/gotestsum ## The same for alerts: a fault fires each of them, its runbook resolves it, and a table says how long that took. An hour.
	@hack/e2e.sh -tags=e2e,alerts -run Alert -timeout 90m

.PHONY: bench-delivery
bench-delivery: $(CLUSTER) $(BIN)/gotestsum ## Measure releases and ways back on a cluster of its own, under load.
	@hack/e2e.sh -tags=e2e,delivery -run '^$$' -bench . -benchtime 1x

.PHONY: bench-operator
bench-operator: ## Measure the operator alone, with faked child status; prints ratios.
	@go run ./test/bench/operator

.PHONY: bench-blog
bench-blog: ## Measure the services of a blog: pages beside bare processes, memory, starts, images, and bench-lists; prints ratios.
	@go run ./test/bench/blog

.PHONY: bench-lists
bench-lists: ## Measure lists and post pages with few and with many posts (100,000) and comments (1,000,000): each may cost twice as much with many.
	@go test ./services/content/service ./services/comment/service -run '^$$' -bench . -benchtime 300x -p 1

# Each target that exists, for this long.
FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Search for input that breaks a promise: every fuzz target for FUZZTIME (1m). Their known inputs run in `make test`.
	@grep -rlE --include='*_test.go' '^func Fuzz' services internal controllers cmd api | xargs -n1 dirname | sort -u | while read -r package; do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$package"/*_test.go | sed 's/func //'); do \
			echo "$$package $$target"; \
			go test "./$$package" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME); \
		done; \
	done

.PHONY: vm-check
vm-check: ## Try make up as far as DNS on virtual machines with Debian 12 and 13 (software emulation: a quarter of an hour). Needs root, qemu-system-x86 and mmdebstrap.
	@go run ./hack/vm/cmd

##@ Plugin

.PHONY: plugin
plugin: ## Build the kubectl plugin as bin/kubectl-blog, with the script that completes it.
	@go build -ldflags "-s -w" -o $(BIN)/kubectl-blog ./cmd/kubectl-blog
	@install cmd/kubectl-blog/kubectl_complete-blog $(BIN)/kubectl_complete-blog

##@ Code

.PHONY: generate
generate: $(BIN)/controller-gen $(BIN)/oapi-codegen ## Generate deep copies, and server and client of every services/*/openapi.yaml.
	@$(BIN)/controller-gen object paths=./api/...
	@for document in services/*/openapi.yaml; do \
		service=$$(dirname "$$document"); \
		mkdir -p "$$service/internal/api" "$$service/client"; \
		$(BIN)/oapi-codegen -config hack/tools/openapi-server.yaml -o "$$service/internal/api/api.gen.go" "$$document"; \
		$(BIN)/oapi-codegen -config hack/tools/openapi-client.yaml -o "$$service/client/client.gen.go" "$$document"; \
	done

.PHONY: manifests
manifests: $(BIN)/controller-gen $(BIN)/crd-ref-docs ## Generate the CRD, the operator's RBAC, the schema of the values of charts/blogplatform and docs/api.md.
	@$(BIN)/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	@$(BIN)/controller-gen rbac:roleName=manager-role paths=./controllers/... output:rbac:artifacts:config=config/rbac
	@go run ./hack/charts/schema charts/blogplatform/values.schema.json
	@$(BIN)/crd-ref-docs --source-path=api/v1alpha1 --config=hack/tools/crd-ref-docs.yaml --renderer=markdown --output-path=docs/api.md 2>/dev/null

.PHONY: generated-current
generated-current: generate manifests ## Fail if a generated file is not what is committed.
	@git diff --exit-code -- api charts config docs/api.md services || { echo "Generated files are not current: run 'make generate manifests' and commit."; exit 1; }

.PHONY: fmt
fmt: $(BIN)/golangci-lint ## Format the Go code.
	@$(BIN)/golangci-lint fmt

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/actionlint $(BIN)/shellcheck $(BIN)/zizmor compatible ## Check style, imports between packages, the API conventions, scripts and workflow files.
	@$(BIN)/golangci-lint run ./...
	@$(BIN)/golangci-lint run --config .golangci-kal.yml ./api/...
	@hack/ci/lint.sh

.PHONY: compatible
compatible: $(BIN)/oasdiff ## Fail if a service refuses a call that the services of the last release make.
	@for document in services/*/openapi.yaml; do \
		changes=$$($(BIN)/oasdiff breaking --fail-on WARN "$${document%.yaml}.released.yaml" "$$document") || { echo "$$changes"; exit 1; }; \
	done

.PHONY: released-api
released-api: ## Remember the services' API as that of a release: run it, and commit, before the release is tagged.
	@for document in services/*/openapi.yaml; do cp "$$document" "$${document%.yaml}.released.yaml"; done

##@ AWS (docs/cloud.md)

.PHONY: verify-cloud
verify-cloud: $(BIN)/shellcheck ## Prove what can be proved of terraform/ without an account: format, validity, tests, READMEs, user data, and rules broken to see a test fail.
	@cd hack/tofu/programs && go test ./provider
	@go run ./hack/tofu/cmd userdata
	@go run ./hack/tofu/cmd check

# One of tflint and checkov; both if empty.
TOOL ?=

.PHONY: scan-cloud
scan-cloud: ## Let tflint and Checkov look at terraform/, or TOOL alone.
	@go run ./hack/tofu/cmd scan $(TOOL)

.PHONY: generate-cloud
generate-cloud: ## Generate the READMEs of terraform/ from its variables and outputs.
	@go run ./hack/tofu/cmd readmes

##@ GitOps (docs/gitops.md)

.PHONY: generate-gitops
generate-gitops: ## Generate what Argo CD and Flux install components by, from config/gitops/components.
	@go run ./hack/gitops/cmd generate

.PHONY: check-gitops
check-gitops: ## Fail if a file in config/gitops is not current, or an overlay cannot work.
	@go run ./hack/gitops/cmd check

##@ Release (docs/ci.md)

# Where the images lie: a registry and a folder.
REGISTRY ?= blogplatform.local
# Name of the release.
VERSION ?= dev
# A checkout of the repository that Argo CD or Flux deploys the platforms from.
GITOPS ?=
# The platforms, as namespace/name, and the files in GITOPS that say which release they ask for.
STAGING ?= g11-stg/blog
PRODUCTION ?= g11-prod/blog
STAGING_FILE ?= staging/release.yaml
PRODUCTION_FILE ?= production/release.yaml
# How long staging may take to verify a release.
TIMEOUT ?= 60m
# Where they live in two clusters: contexts of the kubeconfig, and how long staging must have run a release.
STAGING_CONTEXT ?=
PRODUCTION_CONTEXT ?=
SOAK ?= 0s
export REGISTRY VERSION GITOPS STAGING PRODUCTION TIMEOUT STAGING_CONTEXT PRODUCTION_CONTEXT SOAK

.PHONY: scan
scan: $(BIN)/govulncheck ## Look for known vulnerabilities that the shipped programs can reach. Needs https://vuln.go.dev or GOVULNDB.
	@hack/ci/scan.sh

.PHONY: images
images: ## Build the five images for amd64 and arm64 as OCI layouts in bin/images, named by REGISTRY and digest.
	@go run ./hack/images/cmd build --registry "$$REGISTRY" --output $(BIN)/images
	@cat $(BIN)/images/references

.PHONY: sbom
sbom: images $(BIN)/cyclonedx-gomod ## Write the bills of materials of the images to bin/sbom (CycloneDX).
	@hack/ci/sbom.sh

.PHONY: login
login: $(BIN)/crane ## Log in to REGISTRY as REGISTRY_USER with REGISTRY_PASSWORD.
	@hack/ci/registry.sh login

.PHONY: push
push: images $(BIN)/crane ## Push the images to REGISTRY by digest, without a tag.
	@hack/ci/registry.sh push

.PHONY: sign
sign: $(BIN)/crane ## Sign the pushed images and their bills of materials with cosign, as a GitHub workflow.
	@hack/ci/registry.sh sign

.PHONY: verify
verify: ## Check that the promote workflow of REPOSITORY (owner/name) signed the images.
	@hack/ci/registry.sh verify

.PHONY: tag
tag: $(BIN)/crane ## Tag the pushed images VERSION.
	@hack/ci/registry.sh tag

.PHONY: install-manifest
install-manifest: ## Write bin/release/install.yaml: CRD, RBAC and the operator by the digest in bin/images.
	@hack/ci/assets.sh install

.PHONY: charts
charts: ## Write the Helm charts of VERSION to bin/release, the operator's with the image by the digest in bin/images.
	@go run ./hack/charts/cmd package --version "$$VERSION" --references $(BIN)/images/references --output $(BIN)/release

.PHONY: push-charts
push-charts: ## Push the charts in bin/release to REGISTRY/charts as OCI artifacts.
	@go run ./hack/charts/cmd push --registry "$$REGISTRY" $(BIN)/release/blogplatform*.tgz

.PHONY: plugin-archives
plugin-archives: ## Build bin/release/kubectl-blog_OS_ARCH for Linux, macOS and Windows, with completions, and krew's manifest.
	@hack/ci/assets.sh plugin

.PHONY: checksums
checksums: ## Write the SHA-256 of everything in bin/release, and of the images, as subjects of an attestation.
	@hack/ci/assets.sh checksums

.PHONY: github-release
github-release: ## Make a GitHub release of the git tag VERSION of what is in bin/images, bin/sbom and bin/release. Can be repeated.
	@hack/ci/assets.sh publish

.PHONY: staging
staging: ## Commit VERSION with the digests of bin/images to STAGING_FILE of GITOPS.
	@FILE='$(STAGING_FILE)' REFERENCES='$(CURDIR)/$(BIN)/images/references' hack/ci/gitops.sh staging

.PHONY: production
production: plugin ## Propose what STAGING has verified as VERSION for PRODUCTION: a pull request that changes PRODUCTION_FILE of GITOPS.
	@FILE='$(PRODUCTION_FILE)' PATH="$(CURDIR)/$(BIN):$$PATH" hack/ci/gitops.sh production

##@ On a cluster that exists already (current kubeconfig)

.PHONY: install
install: ## Install the CRD.
	@$(KUBECTL) apply --server-side -k config/crd

.PHONY: deploy
deploy: ## Install the CRD, RBAC and the operator as image IMG.
	@KUBECTL='$(KUBECTL)' hack/ci/manifest.sh '$(IMG)' | $(KUBECTL) apply --server-side -f -

.PHONY: undeploy
undeploy: ## Remove the operator, its RBAC and the CRD. BlogPlatforms must be gone first: their finalizer needs the operator.
	@test -z "$$($(KUBECTL) get blogplatforms -A -o name 2>/dev/null)" || { echo "There are BlogPlatforms left; delete them first ($(KUBECTL) get blogplatforms -A)."; exit 1; }
	@$(KUBECTL) kustomize config/default | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: uninstall
uninstall: ## Remove the CRD. BlogPlatforms must be gone first.
	@test -z "$$($(KUBECTL) get blogplatforms -A -o name 2>/dev/null)" || { echo "There are BlogPlatforms left; delete them first ($(KUBECTL) get blogplatforms -A)."; exit 1; }
	@$(KUBECTL) delete --ignore-not-found -k config/crd

##@ Help

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The program behind up, down and status. Go's own cache makes this quick.
.PHONY: $(CLUSTER)
$(CLUSTER):
	@command -v go >/dev/null || { echo "Go is not installed: install Go $$(cat .go-version) or newer (go.dev/dl) and put its bin folder into PATH."; exit 1; }
	@$(AS_CALLER) go build -o $@ ./hack/cluster/cmd

# Tools are pinned in hack/tools and built when their pins change.
$(BIN)/controller-gen $(BIN)/crd-ref-docs $(BIN)/gotestsum $(BIN)/oapi-codegen: hack/tools/go.mod hack/tools/go.sum
	@echo "building $(@F)"
	@cd hack/tools && $(AS_CALLER) go build -ldflags "-s -w" -o "$(CURDIR)/$@" $$(go list -f '{{.ImportPath}}' tool | grep '/$(@F)$$')

# A module of their own: they need other versions of what the generators need.
$(BIN)/actionlint $(BIN)/crane $(BIN)/cyclonedx-gomod $(BIN)/govulncheck: hack/tools/ci/go.mod hack/tools/ci/go.sum
	@echo "building $(@F)"
	@cd hack/tools/ci && $(AS_CALLER) go build -ldflags "-s -w" -o "$(CURDIR)/$@" $$(go list -f '{{.ImportPath}}' tool | grep '/$(@F)$$')

# Programs out of Python wheels for Linux on amd64, unpacked and not installed.
$(BIN)/shellcheck $(BIN)/zizmor: hack/tools/wheels.txt
	@echo "unpacking $(@F)"
	@hack/ci/wheel.sh $(@F)

# A module of its own, too: it and actionlint need versions of one YAML library that do not go together.
$(BIN)/oasdiff: hack/tools/openapi/go.mod hack/tools/openapi/go.sum
	@echo "building $(@F)"
	@cd hack/tools/openapi && $(AS_CALLER) go build -ldflags "-s -w" -o "$(CURDIR)/$@" github.com/oasdiff/oasdiff

# golangci-lint with kube-api-linter in it.
$(BIN)/golangci-lint: hack/tools/lint/go.mod hack/tools/lint/go.sum
	@echo "building $(@F)"
	@cd hack/tools/lint && go build -ldflags "-s -w" -o "$(CURDIR)/$@" sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
