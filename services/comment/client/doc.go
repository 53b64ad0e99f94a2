// Package client is how other services ask the comment service. All but New and
// Comments is generated from openapi.yaml.
package client
