// Package controllers decides the order in which a BlogPlatform comes to life.
// Its rule: it builds no child and writes none but through internal/apply, and
// every pass looks at the world afresh.
package controllers
