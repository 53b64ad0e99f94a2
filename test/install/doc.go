// Package install tests what a platform engineer does to a cluster that is
// there already: make install, deploy, undeploy and uninstall. Its rule: the
// commands themselves run, against a real API server of their own.
package install
