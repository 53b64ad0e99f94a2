// Package tofu proves what can be proved of terraform/ without an AWS account:
// format, validity, tests with a mocked provider, generated READMEs, and that
// the tests notice a broken rule.
//
// Its rule: it works on a scratch copy. OpenTofu, its lock files and its
// provider never write into the checkout, and nothing that it reads of others'
// modules is copied there.
package tofu
