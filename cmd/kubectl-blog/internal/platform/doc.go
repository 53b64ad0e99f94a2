// Package platform reads BlogPlatforms as they are: typed where this version
// of the plugin knows a field, and whole where the operator is newer.
package platform
