// Package promotion tells how production follows what staging has verified.
package promotion
