package service

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	user "blogplatform.io/operator/services/user/client"
)

// TestNoAddressThatDoesSomethingCanBeEmbedded sends every request as a browser
// does for an image, a frame or a script in a page of this site.
func TestNoAddressThatDoesSomethingCanBeEmbedded(t *testing.T) {
	w := newTown(t)
	for _, route := range w.routes() {
		method, path, _ := strings.Cut(route.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{slug}", "one", "{id}", "6").Replace(path)
		for _, destination := range []string{"image", "iframe", "script", "style", "video", "object", "report"} {
			resp := w.as("Admin", method, path, nil, "Sec-Fetch-Dest", destination, "Sec-Fetch-Site", "same-origin")
			if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 || len(w.asked) > 0 {
				t.Errorf("%s as %s: %d, then the services were asked %v", route.pattern, destination, resp.StatusCode, w.asked)
			}
		}
	}
	for _, destination := range []string{"", "document", "empty"} {
		if resp := w.as("", "GET", "/", nil, "Sec-Fetch-Dest", destination); resp.StatusCode != http.StatusOK {
			t.Errorf("a page as %q: %d", destination, resp.StatusCode)
		}
	}
	for _, destination := range []string{"style", "font", "image", "script"} {
		if resp := w.as("", "GET", w.assets.path("site.css"), nil, "Sec-Fetch-Dest", destination); resp.StatusCode != http.StatusOK {
			t.Errorf("an asset as %s: %d", destination, resp.StatusCode)
		}
	}
}

func TestAnotherSiteBeginsNothingByALink(t *testing.T) {
	w := newTown(t)
	w.answers["POST /v1/sign-ins"] = func(*http.Request) (int, any) {
		return http.StatusCreated, user.SignIn{AuthorizationURL: "https://id.example.com/authorize", Transaction: "t1"}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		began := w.as("", "GET", "/auth/begin?return=/posts/one", nil, "Sec-Fetch-Site", site)
		leads(t, began, "/auth/sign-in?return=%2Fposts%2Fone")
		if len(began.Cookies()) > 0 || w.count("POST /v1/sign-ins") > 0 {
			t.Errorf("%s began a sign-in", site)
		}
		if resp := w.as("Reader", "GET", "/me/export", nil, "Sec-Fetch-Site", site); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s exports: %d", site, resp.StatusCode)
		}
	}
	for _, site := range []string{"", "none", "same-origin"} {
		leads(t, w.as("", "GET", "/auth/begin", nil, "Sec-Fetch-Site", site), "https://id.example.com/authorize")
	}
	// The provider is another site, and sends the browser back.
	if resp := w.as("", "GET", "/auth/callback?"+url.Values{"code": {"c"}}.Encode(), nil, "Sec-Fetch-Site", "cross-site"); resp.StatusCode == http.StatusForbidden {
		t.Error("the provider's way back is refused")
	}
}
