// Package upstream takes the released programs and images of what a local
// cluster runs from where their projects publish them, in place of compiling them.
//
// Its rule: nothing is used that is not pinned. The lock names each file and
// image by the SHA-256 digest of its bytes, one per processor. What has another
// digest is refused, and what has none is compiled.
package upstream
