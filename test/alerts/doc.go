// Package alerts says by which fault each alert of config/monitoring is fired on a
// cluster, and reads the runbooks that end it. test/e2e brings the faults about.
//
// Its rule: it needs no cluster, so that its tests run in make test.
package alerts
