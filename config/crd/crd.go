// Package crd is the CustomResourceDefinition of BlogPlatforms as a file to embed.
package crd

import _ "embed"

// BlogPlatforms is the CRD in YAML, as `make manifests` generates it.
//
//go:embed bases/blogplatform.io_blogplatforms.yaml
var BlogPlatforms []byte
