package service

import (
	"testing"

	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

func TestHostileRequestsGetProblemsThatNameTheField(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	reset := func() { w.Exec(t, `DELETE FROM comment.rate_limits`) }
	w.Withstand(t, "../openapi.yaml", reset, w.anybody, w.Person(9, "<b>Mallory</b>", token.Admin))
}
