// Package release tells how a release migrates, rolls out, and is taken back whole.
package release
