// Package apply is the only writer of children: what it writes is owned by one
// field owner, carries one platform's labels, and is written only when it differs.
package apply
