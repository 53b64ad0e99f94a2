// Package scim tells Asgardeo who is locked and asks it who is (SCIM2, RFC 7644,
// and Asgardeo's session API). It knows nothing of the blog's people.
package scim
