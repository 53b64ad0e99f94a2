// Package markdown turns what authors write into HTML that is safe to show, and
// titles into slugs. It is pure: the same text gives the same bytes until
// [Version] changes.
package markdown
