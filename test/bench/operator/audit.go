package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// request is what the audit log (audit.k8s.io/v1 Event) says of one request.
type request struct {
	Stage     string    `json:"stage"`
	Verb      string    `json:"verb"`
	UserAgent string    `json:"userAgent"`
	URI       string    `json:"requestURI"`
	Received  time.Time `json:"requestReceivedTimestamp"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

// write tells whether the request changes something.
func (r request) write() bool {
	reads := r.Verb == "get" || r.Verb == "list" || r.Verb == "watch"
	return !reads && !strings.Contains(r.URI, "dryRun=All")
}

func (r request) what() string {
	what := r.Verb + " " + r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		what += "/" + r.ObjectRef.Subresource
	}
	if strings.Contains(r.URI, "dryRun=All") {
		what += " (dry run)"
	}
	return what
}

// written is how soon the audit log tells of a request that was answered.
const written = time.Second

// requests reads those of a client that began between two times, without
// watches, which are renewed every few minutes.
func requests(auditLog, userAgent string, since, until time.Time) ([]request, error) {
	time.Sleep(time.Until(until.Add(written)))
	file, err := os.Open(auditLog)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []request
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		in := !r.Received.Before(since) && !r.Received.After(until)
		if in && r.Stage == "ResponseComplete" && r.Verb != "watch" && strings.HasPrefix(r.UserAgent, userAgent) {
			found = append(found, r)
		}
	}
	return found, lines.Err()
}

func writes(all []request) int {
	n := 0
	for _, r := range all {
		if r.write() {
			n++
		}
	}
	return n
}

// summary counts requests by what they are, the most frequent first.
func summary(all []request) []string {
	counts := map[string]int{}
	for _, r := range all {
		counts[r.what()]++
	}
	var kinds []string
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d x %s", counts[kind], kind)
	}
	return kinds
}
