package asgardeo

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	schemaWSO2  = "urn:scim:wso2:schema"
	schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	// maxCount is the most that one page of a list holds.
	maxCount = 100
)

// listUsers serves GET /scim2/Users.
func (f *Fake) listUsers(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	matches, err := ParseFilter(query.Get("filter"))
	if err != nil {
		// The real one answers 500 to or.
		status := http.StatusBadRequest
		if errors.Is(err, ErrOr) {
			status = http.StatusInternalServerError
		}
		scimError(w, status, err.Error())
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []map[string]any
	for _, user := range f.users {
		if matches(user) {
			found = append(found, resource(user, query.Get("attributes")))
		}
	}
	slices.SortFunc(found, func(a, b map[string]any) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	count, err := strconv.Atoi(query.Get("count"))
	if err != nil || count > maxCount {
		count = maxCount
	}
	page := found[:max(0, min(count, len(found)))]
	writeSCIM(w, http.StatusOK, map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(found), "startIndex": 1, "itemsPerPage": len(page), "Resources": page,
	})
}

// getUser serves GET /scim2/Users/{id}.
func (f *Fake) getUser(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	user, ok := f.users[r.PathValue("id")]
	if !ok {
		scimError(w, http.StatusNotFound, "Specified resource (e.g., User) or endpoint, does not exist.")
		return
	}
	writeSCIM(w, http.StatusOK, resource(user, r.URL.Query().Get("attributes")))
}

// patchUser serves PATCH /scim2/Users/{id}.
func (f *Fake) patchUser(w http.ResponseWriter, r *http.Request) {
	var patch struct {
		Schemas    []string
		Operations []struct {
			Op, Path string
			Value    json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&patch); err != nil || !slices.Contains(patch.Schemas, schemaPatch) {
		scimError(w, http.StatusBadRequest, "Request is unparsable, syntactically incorrect, or violates schema.")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	user, ok := f.users[r.PathValue("id")]
	if !ok {
		scimError(w, http.StatusNotFound, "Specified resource (e.g., User) or endpoint, does not exist.")
		return
	}
	locked := user.Locked
	for _, operation := range patch.Operations {
		var err error
		if locked, err = lockedAfter(operation.Op, operation.Path, operation.Value); err != nil {
			scimError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	user.Locked = locked
	writeSCIM(w, http.StatusOK, resource(user, ""))
}

// lockedAfter returns what one operation makes of accountLocked. Both forms that
// WSO2 documents are taken; any other attribute is refused.
func lockedAfter(op, path string, value json.RawMessage) (bool, error) {
	if !strings.EqualFold(op, "replace") && !strings.EqualFold(op, "add") {
		return false, errors.New("the operation is not supported")
	}
	switch path {
	case schemaWSO2 + ":accountLocked":
		return boolean(value)
	case "":
		var whole map[string]map[string]json.RawMessage
		if err := json.Unmarshal(value, &whole); err != nil || whole[schemaWSO2]["accountLocked"] == nil {
			return false, errors.New("the value is not supported")
		}
		return boolean(whole[schemaWSO2]["accountLocked"])
	}
	return false, errors.New("the path is not supported")
}

func boolean(value json.RawMessage) (bool, error) {
	switch strings.ToLower(strings.Trim(string(value), `"`)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("the value is not a boolean")
}

// deleteSessions serves DELETE /api/users/v1/{id}/sessions. It does not tell the applications.
func (f *Fake) deleteSessions(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users[r.PathValue("id")] == nil {
		scimError(w, http.StatusNotFound, "There is no such user.")
		return
	}
	for id, s := range f.sessions {
		if s.user == r.PathValue("id") {
			delete(f.sessions, id)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// resource is a user as SCIM shows it. Booleans are strings. Of WSO2's schema
// only the whole can be asked for: its attributes by name come back empty.
func resource(user *User, attributes string) map[string]any {
	shown := map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User", schemaWSO2},
		"id":      user.ID, "userName": "DEFAULT/" + user.UserName,
	}
	names := strings.Split(attributes, ",")
	if attributes == "" || slices.Contains(names, schemaWSO2) {
		state := "UNLOCKED"
		switch {
		case user.Disabled:
			state = "DISABLED"
		case user.Locked:
			state = "LOCKED"
		}
		shown[schemaWSO2] = map[string]any{
			"accountLocked": strconv.FormatBool(user.Locked), "accountDisabled": strconv.FormatBool(user.Disabled), "accountState": state,
		}
	}
	if attributes == "" {
		shown["name"] = map[string]any{"givenName": user.Given, "familyName": user.Family}
		shown["emails"] = []string{user.UserName}
	}
	return shown
}

func writeSCIM(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func scimError(w http.ResponseWriter, status int, detail string) {
	writeSCIM(w, status, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "detail": detail,
	})
}
