// Package content holds what is put into a local cluster that is complete: the
// operator, the identity provider, and two BlogPlatforms with demo posts.
//
// Its rule: what this checkout builds and ships, and nothing of the peers.
package content

import "embed"

//go:embed manifests
var manifests embed.FS
