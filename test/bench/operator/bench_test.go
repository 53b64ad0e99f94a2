package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"blogplatform.io/operator/internal/plan"
)

// readyStatus is as much of a status as the harness looks at.
const readyStatus = `{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"Verified","message":"template is ready",
	"observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}`

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

func TestTheBareClientMakesPlatformsReadyAndWritesEachChildOnce(t *testing.T) {
	for name, waits := range map[string]bool{"with faked controllers": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			r := &runner{status: statusTemplate{json: readyStatus, namespace: "template"}}
			measured, err := r.measureBare(t.Context(), 2, waits)
			if err != nil {
				t.Fatal(err)
			}
			// The children, the finalizer and one status.
			want := 2 * (len(planOf(t).Children) + 2)
			if writes(measured.requests) != want {
				t.Errorf("%d writes, want %d: %v", writes(measured.requests), want, summary(measured.requests))
			}
		})
	}
}

func planOf(t *testing.T) plan.Plan {
	t.Helper()
	p, err := samplePlatform(filepath.Join("..", "..", ".."), "blog")
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.Build(plan.Input{Platform: p, Release: p.Spec.Release})
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

func TestTheShareOfFakedControllersIsNeitherForNorAgainstTheOperator(t *testing.T) {
	took := func(seconds int) map[int][]creation {
		return map[int][]creation{10: {{platforms: 10, took: time.Duration(seconds) * time.Second}}}
	}
	// The controllers cost 40 s on both sides: the operator's own 12 s compare with 10 s.
	if ratio := (figures{operator: took(52), waiting: took(50), bare: took(10)}).ratio(10); ratio != 1.2 {
		t.Errorf("ratio is %v", ratio)
	}
}

func TestTheAuditLogTellsWhoWroteWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	log := `{"stage":"ResponseComplete","verb":"patch","userAgent":"manager/v1","requestURI":"/apis/x?force=true","requestReceivedTimestamp":"2026-01-01T00:00:05.5Z","objectRef":{"resource":"services"}}
{"stage":"ResponseStarted","verb":"watch","userAgent":"manager/v1","requestURI":"/apis/x","requestReceivedTimestamp":"2026-01-01T00:00:06Z","objectRef":{"resource":"services"}}
{"stage":"ResponseComplete","verb":"watch","userAgent":"manager/v1","requestURI":"/apis/x","requestReceivedTimestamp":"2026-01-01T00:00:06Z","objectRef":{"resource":"services"}}
{"stage":"ResponseComplete","verb":"create","userAgent":"manager/v1","requestURI":"/api/v1/pods?dryRun=All","requestReceivedTimestamp":"2026-01-01T00:00:07Z","objectRef":{"resource":"pods"}}
{"stage":"ResponseComplete","verb":"patch","userAgent":"manager/v1","requestURI":"/apis/y","requestReceivedTimestamp":"2026-01-01T00:00:08Z","objectRef":{"resource":"blogplatforms","subresource":"status"}}
{"stage":"ResponseComplete","verb":"patch","userAgent":"manager/v1","requestURI":"/apis/y","requestReceivedTimestamp":"2026-01-01T00:00:01Z","objectRef":{"resource":"services"}}
{"stage":"ResponseComplete","verb":"patch","userAgent":"manager/v1","requestURI":"/apis/y","requestReceivedTimestamp":"2026-01-01T00:01:01Z","objectRef":{"resource":"services"}}
{"stage":"ResponseComplete","verb":"get","userAgent":"faker","requestURI":"/apis/y","requestReceivedTimestamp":"2026-01-01T00:00:08Z","objectRef":{"resource":"services"}}
`
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	sent, err := requests(file, "manager/", time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC), time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 x create pods (dry run)", "1 x patch blogplatforms/status", "1 x patch services"}
	if diff := cmp.Diff(want, summary(sent)); diff != "" || writes(sent) != 2 {
		t.Errorf("%d writes; requests (-want +got):\n%s", writes(sent), diff)
	}
}
