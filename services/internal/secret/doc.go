// Package secret reads secrets from files that may be replaced while the process
// runs: the kubelet writes a mounted Secret anew after it has changed.
package secret
