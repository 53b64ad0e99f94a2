// Package seal encrypts values for the secrets of one platform, offline and in
// strict scope: they open only as that Secret in that namespace.
package seal
