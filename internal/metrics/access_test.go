package metrics

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	ktesting "k8s.io/client-go/testing"
)

// authority is an API server that knows the token of Prometheus and the one of a guest.
func authority(tokensAway, rightsAway bool) reviewer {
	clients := fake.NewClientset()
	clients.PrependReactor("create", "tokenreviews", func(action ktesting.Action) (bool, runtime.Object, error) {
		if tokensAway {
			return true, nil, errors.New("away")
		}
		review := action.(ktesting.CreateAction).GetObject().(*authenticationv1.TokenReview).DeepCopy()
		if name, known := strings.CutPrefix(review.Spec.Token, "token-of-"); known {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
				Username: name, Groups: []string{"readers"}, Extra: map[string]authenticationv1.ExtraValue{"scope": {"all"}}}}
		}
		return true, review, nil
	})
	clients.PrependReactor("create", "subjectaccessreviews", func(action ktesting.Action) (bool, runtime.Object, error) {
		if rightsAway {
			return true, nil, errors.New("away")
		}
		review := action.(ktesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy()
		asked := review.Spec
		review.Status.Allowed = asked.User == "prometheus" && asked.Groups[0] == "readers" && asked.Extra["scope"][0] == "all" &&
			*asked.NonResourceAttributes == authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"}
		return true, review, nil
	})
	return reviewer{tokens: clients.AuthenticationV1().TokenReviews(), rights: clients.AuthorizationV1().SubjectAccessReviews()}
}

// TestOnlyReadersOfMetricsGetThem, and nobody does while the API server does not say who they are.
func TestOnlyReadersOfMetricsGetThem(t *testing.T) {
	for name, test := range map[string]struct {
		authorization          string
		tokensAway, rightsAway bool
		want                   int
	}{
		"Prometheus":                    {"Bearer token-of-prometheus", false, false, http.StatusOK},
		"somebody without the right":    {"Bearer token-of-guest", false, false, http.StatusForbidden},
		"a token that nobody has":       {"Bearer invented", false, false, http.StatusUnauthorized},
		"an empty token":                {"Bearer ", false, false, http.StatusUnauthorized},
		"a password":                    {"Basic cHJvbWV0aGV1czo=", false, false, http.StatusUnauthorized},
		"nobody in particular":          {"", false, false, http.StatusUnauthorized},
		"while tokens are not reviewed": {"Bearer token-of-prometheus", true, false, http.StatusInternalServerError},
		"while rights are not reviewed": {"Bearer token-of-prometheus", false, true, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			var logged strings.Builder
			log := funcr.New(func(_, args string) { logged.WriteString(args) }, funcr.Options{})
			handler, err := authority(test.tokensAway, test.rightsAway).filter(log, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte("blogplatform_info 1"))
			}))
			if err != nil {
				t.Fatal(err)
			}
			answer, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
			request.Header.Set("Authorization", test.authorization)
			handler.ServeHTTP(answer, request)
			if served := strings.Contains(answer.Body.String(), "blogplatform_info"); answer.Code != test.want || served != (test.want == http.StatusOK) {
				t.Errorf("the answer is %d: %s", answer.Code, answer.Body)
			}
			if strings.Contains(logged.String(), "token-of") || (test.want == http.StatusInternalServerError) != strings.Contains(logged.String(), "see whether the operator may create") {
				t.Errorf("the log says %q", logged.String())
			}
		})
	}
}

func TestTheFilterIsMadeForTheManagersClient(t *testing.T) {
	if filter, err := OnlyReaders(&rest.Config{Host: "https://example.com"}, http.DefaultClient); err != nil || filter == nil {
		t.Fatal(err)
	}
	if _, err := OnlyReaders(&rest.Config{Host: "://"}, http.DefaultClient); err == nil || !strings.Contains(err.Error(), "make a client that reviews tokens") {
		t.Errorf("an address that is none: %v", err)
	}
}
