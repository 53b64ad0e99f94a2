// Package deletion tells what a deleted platform takes with it, and what stays.
package deletion
