// Package quota bounds what one person may do in a time. It counts in
// PostgreSQL, so that replicas count together.
package quota
