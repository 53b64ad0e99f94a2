// Package process runs the services as what they are, processes that talk over
// HTTP. The binary that asks for one is itself any of them, under another
// environment: nothing has to be built first, and under the race detector
// services are watched, too. It needs Linux.
package process
