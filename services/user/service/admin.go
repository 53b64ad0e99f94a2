package service

import (
	"context"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/store"
)

const (
	defaultLimit = 50
	maxLimit     = 100
	maxReason    = 500
)

// ListPeople serves GET /v1/admin/people.
func (s *service) ListPeople(ctx context.Context, request api.ListPeopleRequestObject) (api.ListPeopleResponseObject, error) {
	limit, err := pageSize(request.Params.Limit)
	if err != nil {
		return nil, err
	}
	if err := plain("search", optional(request.Params.Search), 100); err != nil {
		return nil, err
	}
	if role := request.Params.Role; role != nil && !role.Valid() {
		return nil, problem.Invalid("role", "must be Reader, Editor or Admin.")
	}
	after := int64(0)
	if request.Params.After != nil {
		after = *request.Params.After
	}
	people, next, err := s.store.Accounts(ctx, store.Filter{
		Search: optional(request.Params.Search), Role: request.Params.Role, Locked: request.Params.Locked, After: after, Limit: limit,
	})
	return api.ListPeople200JSONResponse{People: people, Next: unlessZero(next)}, err
}

// GetAccount serves GET /v1/admin/people/{id}.
func (s *service) GetAccount(ctx context.Context, request api.GetAccountRequestObject) (api.GetAccountResponseObject, error) {
	account, err := s.store.Account(ctx, request.ID)
	return api.GetAccount200JSONResponse(account), err
}

// EraseAccount serves DELETE /v1/admin/people/{id}.
func (s *service) EraseAccount(ctx context.Context, request api.EraseAccountRequestObject) (api.EraseAccountResponseObject, error) {
	if err := s.store.Erase(ctx, caller(ctx), request.ID); err != nil {
		return nil, err
	}
	s.outbox.Ring()
	return api.EraseAccount204Response{}, nil
}

// SetRole serves PUT /v1/admin/people/{id}/role.
func (s *service) SetRole(ctx context.Context, request api.SetRoleRequestObject) (api.SetRoleResponseObject, error) {
	if !request.Body.Role.Valid() {
		return nil, problem.Invalid("body.role", "must be Reader, Editor or Admin.")
	}
	reason := optional(request.Body.Reason)
	if err := plain("body.reason", reason, maxReason); err != nil {
		return nil, err
	}
	if err := s.store.SetRole(ctx, caller(ctx), request.ID, token.Role(request.Body.Role), reason); err != nil {
		return nil, err
	}
	account, err := s.store.Account(ctx, request.ID)
	return api.SetRole200JSONResponse(account), err
}

// LockAccount serves PUT /v1/admin/people/{id}/lock.
func (s *service) LockAccount(ctx context.Context, request api.LockAccountRequestObject) (api.LockAccountResponseObject, error) {
	if err := plain("body.reason", request.Body.Reason, maxReason); err != nil {
		return nil, err
	}
	if err := s.store.Lock(ctx, caller(ctx), request.ID, request.Body.Reason); err != nil {
		return nil, err
	}
	s.outbox.Ring()
	account, err := s.store.Account(ctx, request.ID)
	return api.LockAccount200JSONResponse(account), err
}

// UnlockAccount serves DELETE /v1/admin/people/{id}/lock.
func (s *service) UnlockAccount(ctx context.Context, request api.UnlockAccountRequestObject) (api.UnlockAccountResponseObject, error) {
	if err := s.store.Unlock(ctx, caller(ctx), request.ID); err != nil {
		return nil, err
	}
	s.outbox.Ring()
	account, err := s.store.Account(ctx, request.ID)
	return api.UnlockAccount200JSONResponse(account), err
}

// RetryLock serves POST /v1/admin/people/{id}/lock/retry.
func (s *service) RetryLock(ctx context.Context, request api.RetryLockRequestObject) (api.RetryLockResponseObject, error) {
	if err := s.store.RetryLock(ctx, caller(ctx), request.ID); err != nil {
		return nil, err
	}
	s.outbox.Ring()
	account, err := s.store.Account(ctx, request.ID)
	return api.RetryLock200JSONResponse(account), err
}

// ListSessions serves GET /v1/admin/people/{id}/sessions.
func (s *service) ListSessions(ctx context.Context, request api.ListSessionsRequestObject) (api.ListSessionsResponseObject, error) {
	if _, err := s.store.Person(ctx, request.ID); err != nil {
		return nil, err
	}
	sessions, err := s.store.Sessions(ctx, request.ID)
	return api.ListSessions200JSONResponse{Sessions: sessions}, err
}

// EndSessions serves DELETE /v1/admin/people/{id}/sessions.
func (s *service) EndSessions(ctx context.Context, request api.EndSessionsRequestObject) (api.EndSessionsResponseObject, error) {
	return api.EndSessions204Response{}, s.store.EndSessions(ctx, caller(ctx), request.ID)
}

// ListAudit serves GET /v1/admin/audit.
func (s *service) ListAudit(ctx context.Context, request api.ListAuditRequestObject) (api.ListAuditResponseObject, error) {
	limit, err := pageSize(request.Params.Limit)
	if err != nil {
		return nil, err
	}
	var person, before int64
	if request.Params.Person != nil {
		person = *request.Params.Person
	}
	if request.Params.Before != nil {
		before = *request.Params.Before
	}
	if person < 0 || before < 0 {
		return nil, problem.Invalid("person", "and before must be positive numbers.")
	}
	entries, next, err := s.store.Audit(ctx, person, before, limit)
	return api.ListAudit200JSONResponse{Entries: entries, Next: unlessZero(next)}, err
}

func pageSize(asked *int) (int, error) {
	switch {
	case asked == nil:
		return defaultLimit, nil
	case *asked < 1 || *asked > maxLimit:
		return 0, problem.Invalid("limit", "must be a number from 1 to 100.")
	}
	return *asked, nil
}

func unlessZero(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
