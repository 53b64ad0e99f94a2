package promote

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"blogplatform.io/operator/api/v1alpha1"
)

// SameImages tells whether two releases run the same four images, wherever they
// are pulled from: by digest or, where an image is named by its tag alone, by all of its name.
func SameImages(a, b v1alpha1.Images) bool {
	for _, pair := range [][2]string{{a.Frontend, b.Frontend}, {a.User, b.User}, {a.Content, b.Content}, {a.Comment, b.Comment}} {
		if content(pair[0]) != content(pair[1]) {
			return false
		}
	}
	return true
}

// content of an image is its digest, or the whole reference if that names none.
func content(reference string) string {
	if _, digest, found := strings.Cut(reference, "@"); found {
		return digest
	}
	return reference
}

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
