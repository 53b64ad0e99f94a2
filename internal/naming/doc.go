// Package naming is the only place where strings become names, labels and
// annotations of children. Its rule: a name depends on the platform alone, and
// fits wherever it is used for every platform that the API accepts.
package naming
