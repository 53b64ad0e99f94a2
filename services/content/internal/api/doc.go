// Package api holds the types and routes of openapi.yaml. All of it is generated.
package api
