// Package service is the user service: it owns schema user and answers only with
// what is in it. It never calls another data service.
package service
