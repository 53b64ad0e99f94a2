// Package service is the content service: it owns schema content and answers only with
// what is in it. It never calls another data service.
package service
