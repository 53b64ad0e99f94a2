// Package client is how other services ask the user service. All but New and
// Person is generated from openapi.yaml.
package client
