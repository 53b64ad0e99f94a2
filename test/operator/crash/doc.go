// Package crash tells how a release and an abort survive crashes of the operator.
package crash
