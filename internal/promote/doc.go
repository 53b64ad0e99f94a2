// Package promote decides whether production may run the release that its spec
// asks for.
//
// Its rule: it is pure. Decide takes two objects and the time, and answers yes
// or no, why, and when to ask again if the answer changes by itself. Time zones
// are looked up in the database of the program or the machine.
//
// The gate stands before the beginning of a release. What has begun comes to
// its end; what this platform has verified itself is a way back and needs no
// gate; the first release has nothing to protect, unless the platform was created
// over the data of another one. Windows may hold other pods of the same images, too.
package promote
