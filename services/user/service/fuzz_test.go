package service

import (
	"strings"
	"testing"
)

// FuzzOwnPath looks for an address of another site that passes for a path of the blog.
func FuzzOwnPath(f *testing.F) {
	for _, path := range []string{"/", "/posts/first?a=b#c", "", "//evil.example.com", `/\evil.example.com`, "/\t/evil.example.com", "\n//evil.example.com", "https://evil.example.com", "/\u2028/x", "/.//x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if ownPath(path) != nil {
			return
		}
		// What a browser makes of it first (WHATWG URL, basic URL parser).
		seen := strings.TrimLeft(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(path), "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f ")
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") || strings.HasPrefix(seen, `/\`) {
			t.Errorf("%q leads to another site", path)
		}
	})
}
