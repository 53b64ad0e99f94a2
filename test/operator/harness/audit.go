package harness

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// entry is a line of the audit log (audit.k8s.io/v1 Event).
type entry struct {
	Verb             string
	RequestURI       string
	ImpersonatedUser *struct{ Username string }
	ObjectRef        struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	ResponseStatus   struct{ Code int }
}

// Object names what the request was about.
func (e entry) Object() string {
	r := e.ObjectRef
	return strings.TrimSuffix(r.APIGroup+"/"+r.Resource+"/"+r.Namespace+"/"+r.Name+"/"+r.Subresource, "/")
}

// Tail is how long the audit log is now.
func Tail(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(ControlPlane.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Requests are those of the operator since the log had that length. Watches,
// which stay open, are left out.
func Requests(t *testing.T, since int64) []entry {
	t.Helper()
	return RequestsOf(t, operator, since)
}

// RequestsOf are those of an operator that runs as another user.
func RequestsOf(t *testing.T, user string, since int64) []entry {
	t.Helper()
	file, err := os.Open(ControlPlane.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(since, 0); err != nil {
		t.Fatal(err)
	}
	var entries []entry
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if e.ImpersonatedUser != nil && e.ImpersonatedUser.Username == user && e.Verb != "watch" {
			entries = append(entries, e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return entries
}

// Passes is how many passes operators of this process have made.
func Passes(t *testing.T) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			n += metric.GetCounter().GetValue()
		}
	}
	return n
}
