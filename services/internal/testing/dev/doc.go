// Command dev runs a whole blog on this machine for whoever works on it: the four
// services, the fake identity provider and a real PostgreSQL, with demo content
// and demo people, over TLS on loopback. It keeps nothing but a certificate.
package main
