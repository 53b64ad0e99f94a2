package promote

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"blogplatform.io/operator/api/v1alpha1"
)

// ImagesDigest identifies what four images contain, wherever they are pulled
// from: the SHA-256 of their digests in hexadecimal digits. It is empty if one
// of them is named by a tag alone, which can change what it means.
func ImagesDigest(images v1alpha1.Images) string {
	hash := sha256.New()
	for _, reference := range []string{images.Frontend, images.User, images.Content, images.Comment} {
		_, digest, found := strings.Cut(reference, "@")
		if !found {
			return ""
		}
		hash.Write([]byte(digest + "\n"))
	}
	return hex.EncodeToString(hash.Sum(nil))
}
