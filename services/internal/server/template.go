package server

import (
	"net/http"

	"blogplatform.io/operator/services/internal/problem"
)

// TemplateHeader of a request names the pod template (its hash) that is to
// answer it. A check of a canary asks so that it is never told about another:
// while the mesh hears of new pods, the route to the canary may lead elsewhere.
const TemplateHeader = "Blog-Pod-Template"

// ofTemplate refuses requests for another template with 421 (Misdirected
// Request, RFC 9110 section 15.5.20), and does not measure them.
func ofTemplate(hash string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wanted := r.Header.Get(TemplateHeader); wanted != "" && wanted != hash {
			problem.Write(w, r, http.StatusMisdirectedRequest, "This request is for another pod template than that of this process.")
			return
		}
		next.ServeHTTP(w, r)
	})
}
