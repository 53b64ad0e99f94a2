package service

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/rest"
	user "blogplatform.io/operator/services/user/client"
)

// auditLine is an entry of the audit log with names instead of numbers.
type auditLine struct {
	user.AuditEntry
	// By and To are empty where there is nobody.
	By, To string
}

type auditPage struct {
	Tabs  tabs
	Lines []auditLine
	More  string
	// Name is that of the person whose entries are shown, empty for everybody's.
	Name string
}

// audit serves GET /admin/people/audit.
func (s *site) audit(w http.ResponseWriter, r *http.Request) error {
	person, err := queryID(r, "person")
	if err != nil {
		return err
	}
	before, err := queryID(r, "before")
	if err != nil {
		return err
	}
	page := auditPage{Tabs: s.peopleTabs("audit")}
	title := s.messages.text("audit.title")
	if person != nil {
		page.Name = s.names(r.Context(), *person)[*person]
		title = s.messages.text("audit.of", page.Name)
	}
	lines, next, err := s.auditLines(r.Context(), visitorOf(r.Context()), user.ListAuditParams{Person: person, Before: before, Limit: new(entriesAtOnce)})
	if err != nil {
		return err
	}
	page.Lines = lines
	if next != nil {
		page.More = further(r, "before", strconv.FormatInt(*next, 10))
	}
	s.render(w, r, http.StatusOK, document{Template: "audit", Title: title, Wide: true, Page: page})
	return nil
}

// auditLines returns entries, and what the page after them begins before.
func (s *site) auditLines(ctx context.Context, v *visitor, params user.ListAuditParams) ([]auditLine, *int64, error) {
	answer, err := s.backends.user.ListAuditWithResponse(ctx, &params, v.asUser)
	if err != nil {
		return nil, nil, fmt.Errorf("list the audit log: %w", err)
	}
	found, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("list the audit log: %w", err)
	}
	var ids []int64
	for _, entry := range found.Entries {
		ids = append(ids, input.Value(entry.Actor), input.Value(entry.Person))
	}
	names := s.names(ctx, ids...)
	var lines []auditLine
	for _, entry := range found.Entries {
		entry.Action = sentence(entry.Action)
		lines = append(lines, auditLine{entry, names[input.Value(entry.Actor)], names[input.Value(entry.Person)]})
	}
	return lines, found.Next, nil
}

// names returns what people are called, and their number for those who have left
// or cannot be asked about. Nobody, number 0, has no name.
func (s *site) names(ctx context.Context, ids ...int64) map[int64]string {
	names := map[int64]string{0: ""}
	known := s.nameCache.get(ctx, ids...)
	for _, id := range ids {
		if person, ok := known[id]; ok {
			names[id] = person.DisplayName
		} else if id > 0 {
			names[id] = s.messages.text("person.number", id)
		}
	}
	return names
}
