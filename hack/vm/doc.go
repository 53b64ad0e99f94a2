// Package vm tries this project on machines that it is not developed on: virtual machines with Debian 12 and Debian 13, systemd,
// the distribution's kernel and an ordinary user, made by mmdebstrap and run by qemu in software emulation.
//
// A machine has no network. A script in it prints a line per check to the serial port, which [Parse] reads and [Table] shows.
package vm
