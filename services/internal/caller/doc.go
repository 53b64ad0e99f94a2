// Package caller carries who asks from a request's token to the code that
// judges it, and makes changes in that person's name. A handler asks it before
// anything else: what is not public begins with [Require].
package caller
