package apitest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/problem"
)

var (
	parameter = regexp.MustCompile(`\{[^}]+\}`)

	// hostileSegments are what somebody may write into a path.
	hostileSegments = []string{
		"0", "-1", "9223372036854775808", "1e3", "abc", "%00", "%ff", "%2e%2e%2f", "'%20OR%201=1--", "%3Cscript%3E", strings.Repeat("a", 5000), "%E2%80%AE", "1%0d%0aX:y",
	}
	// hostileQueries are what somebody may write behind it.
	hostileQueries = []string{
		"limit=0", "limit=-1", "limit=101", "limit=many", "limit=1&limit=2", "limit=99999999999999999999", "after=x", "after=%00", "after=AAAA", "tag=%00", "tag=%ff",
		"category='", "author=x", "author=0", "ids=x", "ids=1,,2", "ids=" + strings.Repeat("1,", 200) + "1", "view=none", "state=none", "state=%00", "%zz", "a;b",
	}
	// hostileBodies are what somebody may send.
	hostileBodies = []string{
		"", "null", "[]", "7", `"x"`, "{", `{"title":`, strings.Repeat("[", 20_000), `{"title": 7, "body": [], "name": {}, "sequence": "x", "revision": 1.5, "state": 3, "action": null}`,
		"{\"title\": \"a\\u0000b\", \"body\": \"a\\u0000b\", \"name\": \"a\\u0000b\", \"action\": \"\\u0000\", \"state\": \"\\u0000\", \"policy\": \"\\u0000\", \"language\": \"\\u0000\", \"sequence\": 1, \"baseRevision\": 1}",
		"\xff\xfe", `{"title": "` + strings.Repeat("x", 201) + `", "name": "` + strings.Repeat("x", 201) + `", "body": "", "sequence": -1}`,
		`{"title": "x", "body": "x", "name": "x", "categoryId": 9223372036854775807, "parentId": 9223372036854775807, "sequence": 1, "baseRevision": 0}`,
		`{"title": "x", "body": "x", "tags": [` + strings.Repeat(`"t",`, 9000) + `"t"]}`, `{"title": "x", "body": "` + strings.Repeat(">", 9000) + `"}`,
		`{"title": "x", "body": "x", "slug": "../x"}`, `{"name": "x", "position": 99999999999}`, "<xml/>",
	}
)

// Withstand sends hostile requests for every operation of the document as each
// of the people. Nothing may be answered with 500, every refusal is a problem
// document that tells nothing of the inside, and 400 and 413 name the field.
func (s *Service) Withstand(t *testing.T, document string, reset func(), people ...*Person) {
	t.Helper()
	for _, operation := range Operations(t, document) {
		method, route, _ := strings.Cut(operation, " ")
		for _, who := range people {
			reset()
			plain := parameter.ReplaceAllString(route, "1")
			for _, segment := range hostileSegments {
				if strings.Contains(route, "{") {
					who.withstand(t, method, parameter.ReplaceAllLiteralString(route, segment), bodyFor(method, `{}`))
				}
			}
			for _, query := range hostileQueries {
				who.withstand(t, method, plain+"?"+query, bodyFor(method, `{}`))
			}
			if method != http.MethodGet {
				reset()
				for _, body := range hostileBodies {
					who.withstand(t, method, plain, body)
				}
				who.withstand(t, method, plain, `{"body": "`+strings.Repeat("x", 3<<20)+`"}`)
			}
		}
	}
}

func bodyFor(method, body string) any {
	if method == http.MethodGet || method == http.MethodDelete {
		return nil
	}
	return body
}

func (p *Person) withstand(t *testing.T, method, path string, body any) {
	t.Helper()
	answer, err := p.Try(t, method, path, body, "If-Match", `"1"`)
	if err != nil {
		// A server may hang up on somebody who sends too much.
		if text, ok := body.(string); ok && len(text) > 1<<20 {
			return
		}
		t.Errorf("%s %.80s: %v", method, path, err)
		return
	}
	what := fmt.Sprintf("%s %.80s %.80v", method, path, body)
	switch {
	case answer.Status >= http.StatusInternalServerError:
		t.Errorf("%s: answered %d: %.300s", what, answer.Status, answer.Body)
	case answer.Status < http.StatusBadRequest:
	default:
		var known problem.Document
		if answer.Header.Get("Content-Type") != problem.MediaType {
			// net/http itself refuses what is no HTTP.
			if answer.Status != http.StatusBadRequest || !strings.HasPrefix(string(answer.Body), "400 Bad Request") {
				t.Errorf("%s: %d is no problem document: %.200s", what, answer.Status, answer.Body)
			}
			return
		}
		answer.Into(answer.Status, &known)
		if (answer.Status == http.StatusBadRequest || answer.Status == http.StatusRequestEntityTooLarge) && known.Field == "" {
			t.Errorf("%s: %d names no field: %s", what, answer.Status, answer.Body)
		}
		for _, inside := range []string{"SQLSTATE", "pgx", "goroutine", ".go:", "content.", "comment.", `"user".`} {
			if strings.Contains(known.Detail, inside) {
				t.Errorf("%s: tells of the inside: %s", what, answer.Body)
			}
		}
	}
}
