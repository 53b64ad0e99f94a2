package service

import (
	"context"
	"errors"
	"fmt"

	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/names"
	"blogplatform.io/operator/services/user/internal/store"
)

// GetPerson serves GET /v1/people/{id}.
func (s *service) GetPerson(ctx context.Context, request api.GetPersonRequestObject) (api.GetPersonResponseObject, error) {
	person, err := s.store.Person(ctx, request.ID)
	return api.GetPerson200JSONResponse(person), err
}

// maxIDs is how many people can be looked up at once.
const maxIDs = 100

// LookUpPeople serves GET /v1/people.
func (s *service) LookUpPeople(ctx context.Context, request api.LookUpPeopleRequestObject) (api.LookUpPeopleResponseObject, error) {
	if len(request.Params.Ids) > maxIDs {
		return nil, problem.Invalid("ids", fmt.Sprintf("must be at most %d.", maxIDs))
	}
	people, err := s.store.Names(ctx, request.Params.Ids)
	return api.LookUpPeople200JSONResponse{People: people}, err
}

// GetMe serves GET /v1/me.
func (s *service) GetMe(ctx context.Context, _ api.GetMeRequestObject) (api.GetMeResponseObject, error) {
	me, err := s.store.Me(ctx, caller(ctx))
	return api.GetMe200JSONResponse(me), err
}

// UpdateMe serves PATCH /v1/me.
func (s *service) UpdateMe(ctx context.Context, request api.UpdateMeRequestObject) (api.UpdateMeResponseObject, error) {
	name, ok := names.Clean(request.Body.DisplayName)
	if !ok {
		return nil, problem.Invalid("body.displayName", "must be 1 to 80 characters that can be seen, on one line.")
	}
	me, err := s.store.Rename(ctx, caller(ctx), name)
	if errors.Is(err, store.ErrNameTaken) {
		return nil, problem.Invalid("body.displayName", "looks like the name of somebody who speaks for this blog; add something to it.")
	}
	return api.UpdateMe200JSONResponse(me), err
}

// EraseMe serves DELETE /v1/me.
func (s *service) EraseMe(ctx context.Context, _ api.EraseMeRequestObject) (api.EraseMeResponseObject, error) {
	if err := s.store.Erase(ctx, caller(ctx), caller(ctx)); err != nil {
		return nil, err
	}
	s.outbox.Ring()
	return api.EraseMe204Response{}, nil
}

// ExportMe serves GET /v1/me/export.
func (s *service) ExportMe(ctx context.Context, _ api.ExportMeRequestObject) (api.ExportMeResponseObject, error) {
	export, err := s.store.Export(ctx, caller(ctx))
	return api.ExportMe200JSONResponse(export), err
}

// ListMySessions serves GET /v1/me/sessions.
func (s *service) ListMySessions(ctx context.Context, _ api.ListMySessionsRequestObject) (api.ListMySessionsResponseObject, error) {
	sessions, err := s.store.Sessions(ctx, caller(ctx))
	return api.ListMySessions200JSONResponse{Sessions: sessions}, err
}

// EndMySession serves DELETE /v1/me/sessions/{id}.
func (s *service) EndMySession(ctx context.Context, request api.EndMySessionRequestObject) (api.EndMySessionResponseObject, error) {
	err := s.store.EndOwn(ctx, caller(ctx), request.ID)
	return api.EndMySession204Response{}, postgres.Classify(err, "You have no session with this id.")
}
