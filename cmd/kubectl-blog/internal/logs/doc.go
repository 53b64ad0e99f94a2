// Package logs reads the logs of a platform's pods.
package logs
