// Package service is the comment service: it owns schema comment and answers only with
// what is in it. It never calls another data service.
package service
