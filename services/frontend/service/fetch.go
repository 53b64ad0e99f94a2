package service

import (
	"net/http"
	"slices"
	"strings"

	"blogplatform.io/operator/services/internal/problem"
)

// pageDestinations are what browsers say in Sec-Fetch-Dest when a page is opened,
// or fetched by a script of ours. Old browsers and programs say nothing.
var pageDestinations = []string{"", "document", "empty"}

// refuseEmbedding refuses to answer where a page of this or another site embeds
// an address that is no asset, such as by an image: cookies travel with that
// request, and some addresses do something.
func refuseEmbedding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(pageDestinations, r.Header.Get("Sec-Fetch-Dest")) && !strings.HasPrefix(r.URL.Path, "/assets/") {
			problem.Write(w, r, http.StatusForbidden, "This address is to be opened, not to be embedded.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isFromElsewhere reports whether a page of another site sent the browser here.
func isFromElsewhere(r *http.Request) bool {
	return !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site"))
}
