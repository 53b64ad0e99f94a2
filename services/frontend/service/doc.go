// Package service is the frontend: the only service that browsers reach. It
// composes pages from what the data services answer, signs the cookies it sets,
// and stores nothing.
package service
