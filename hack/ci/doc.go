// Package ci tests the scripts behind the make targets that the workflows call.
//
// The rule of this folder: a step is a make target, and a script takes what it
// needs from the environment, so that a laptop runs what CI runs, and what cannot
// run there is refused in one sentence.
package ci
