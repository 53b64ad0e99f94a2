// Package client is how other services ask the content service. All but New,
// Posts and Post is generated from openapi.yaml.
package client
