// Package install tells how platforms come up: as the samples are, and where the cluster lacks what they need.
package install
