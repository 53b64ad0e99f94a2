// Package postgres connects a service to its own database, by libpq's PG*
// environment variables alone, and says whether the database answers.
package postgres
