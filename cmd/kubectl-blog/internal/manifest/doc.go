// Package manifest reads BlogPlatforms from files, and refuses what the API
// server would refuse, without one.
package manifest
