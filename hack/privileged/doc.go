// Package privileged runs commands with root's rights for a program that belongs to an ordinary user.
//
// Its rule: the program builds everything as the user who called. It starts one process of root at the beginning, so that a password is
// asked for once, and hands it commands: argument lists, nothing else. Behind sudo it is the other way round: the process of root runs the
// program again as the user, and serves it.
package privileged
