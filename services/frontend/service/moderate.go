package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

// moderatedAtOnce is how many comments a moderator gets on a page.
const moderatedAtOnce = 20

// queues are the states whose comments a moderator can list.
var queues = []comment.ListModerationParamsState{
	comment.ListModerationParamsStateHeld, comment.ListModerationParamsStateRejected, comment.ListModerationParamsStateSpam,
}

type moderationPage struct {
	Tabs     tabs
	State    comment.ListModerationParamsState
	Comments []moderated
	// More is the address of the next page, empty for none.
	More string
}

// moderated is a comment as a moderator judges it.
type moderated struct {
	comment.Moderated
	// Post is nil for one that is not public, or while that cannot be known.
	Post *content.PostSummary
	// Queue is where a decision leads back to.
	Queue  string
	Reason field
}

func (s *site) moderated(c comment.Moderated, post *content.PostSummary, queue string, form form) moderated {
	return moderated{Moderated: c, Post: post, Queue: queue, Reason: form.field(field{
		Name: reasonField(c.Comment.ID), Label: s.messages.text("moderation.reason"), Help: s.messages.text("moderation.reason.help"),
	})}
}

func reasonField(id int64) string { return fmt.Sprintf("reason-%d", id) }

func queuePath(queue string) string {
	if queue == string(comment.ListModerationParamsStateHeld) {
		return "/moderation"
	}
	return "/moderation?state=" + queue
}

// moderation serves GET /moderation.
func (s *site) moderation(w http.ResponseWriter, r *http.Request) error {
	page := moderationPage{State: comment.ListModerationParamsStateHeld, Tabs: tabs{Label: s.messages.text("moderation.queues")}}
	if state := queryOf(r, "state"); state != nil {
		page.State = comment.ListModerationParamsState(*state)
	}
	if !page.State.Valid() {
		return &problem.Error{Status: http.StatusNotFound}
	}
	for _, queue := range queues {
		page.Tabs.Items = append(page.Tabs.Items, tab{queuePath(string(queue)), s.messages.text("queue." + string(queue)), queue == page.State})
	}
	params := comment.ListModerationParams{State: &page.State, Limit: new(moderatedAtOnce), After: queryOf(r, "after")}
	answer, err := s.backends.comment.ListModerationWithResponse(r.Context(), &params, visitorOf(r.Context()).asComment)
	if err != nil {
		return fmt.Errorf("list comments to moderate: %w", err)
	}
	found, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return fmt.Errorf("list comments to moderate: %w", unlisted(err))
	}
	var ids []int64
	for _, c := range found.Comments {
		ids = append(ids, c.Comment.PostID)
	}
	posts := s.postsByID(r.Context(), ids)
	for _, c := range found.Comments {
		page.Comments = append(page.Comments, s.moderated(c, posts[c.Comment.PostID], string(page.State), form{}))
	}
	if found.Next != nil {
		page.More = further(r, "after", *found.Next)
	}
	s.render(w, r, http.StatusOK, document{
		Template: "moderation", Title: s.messages.text("moderation.title"), Wide: true, Script: true, Asset: "moderate.js", Page: page,
	})
	return nil
}

// postsByID returns the published ones of these posts. A queue without titles is
// better than none: what cannot be had is left out.
func (s *site) postsByID(ctx context.Context, ids []int64) map[int64]*content.PostSummary {
	posts := map[int64]*content.PostSummary{}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return posts
	}
	found, err := s.posts(ctx, content.ListPostsParams{Ids: &ids, Limit: new(len(ids))})
	if err != nil {
		slog.WarnContext(ctx, "comments are moderated without the titles of their posts", "error", err)
	}
	for _, post := range found.Posts {
		posts[post.ID] = &post
	}
	return posts
}

// moderatedPage is one comment with all that was decided about it.
type moderatedPage struct {
	moderated
	Decisions []comment.Decision
	Problems  []formProblem
}

// moderate serves GET /moderation/{id}, and POST, which decides about a comment
// as the page showed it and leads back to the queue that it was in.
func (s *site) moderate(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	form := form{}
	if r.Method == http.MethodPost {
		form = formOf(r, reasonField(id))
		decided, err := s.decide(r, id, form.Value(reasonField(id)))
		if err == nil {
			s.tell(w, "notice.comment."+string(decided))
			redirect(w, r, queueOf(r))
			return nil
		}
		if !form.refusedBy(err) {
			return err
		}
	}
	page, err := s.readModerated(r, id, form)
	if err != nil {
		return err
	}
	title := s.messages.text("moderated.title", page.Comment.Author.Name)
	s.render(w, r, form.status(), document{Template: "moderated", Title: title, Wide: true, Page: page})
	return nil
}

// queueOf returns the address of the queue that a form was in, that of what is
// held for any other.
func queueOf(r *http.Request) string {
	if queue := r.PostFormValue("queue"); slices.Contains(queues, comment.ListModerationParamsState(queue)) {
		return queuePath(queue)
	}
	return "/moderation"
}

func (s *site) decide(r *http.Request, id int64, reason string) (comment.DecisionInputState, error) {
	state := comment.DecisionInputState(r.PostFormValue("state"))
	revision, err := strconv.ParseInt(r.PostFormValue("revision"), 10, 32)
	if err != nil || !state.Valid() {
		return state, &problem.Error{Status: http.StatusBadRequest}
	}
	decision := comment.DecisionInput{State: state, Revision: int32(revision)}
	if reason != "" {
		decision.Reason = &reason
	}
	answer, err := s.backends.comment.DecideWithResponse(r.Context(), id, decision, visitorOf(r.Context()).asComment)
	if err != nil {
		return state, fmt.Errorf("decide about comment %d: %w", id, err)
	}
	if _, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
		return state, fmt.Errorf("decide about comment %d: %w", id, err)
	}
	return state, nil
}

func (s *site) readModerated(r *http.Request, id int64, form form) (moderatedPage, error) {
	as := visitorOf(r.Context()).asComment
	got, err := s.backends.comment.GetCommentWithResponse(r.Context(), id, as)
	if err != nil {
		return moderatedPage{}, fmt.Errorf("get comment %d: %w", id, err)
	}
	c, err := rest.Result(got.JSON200, got.HTTPResponse, got.Body)
	if err != nil {
		return moderatedPage{}, fmt.Errorf("get comment %d: %w", id, err)
	}
	answer, err := s.backends.comment.ListDecisionsWithResponse(r.Context(), id, as)
	if err != nil {
		return moderatedPage{}, fmt.Errorf("get the log of comment %d: %w", id, err)
	}
	log, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return moderatedPage{}, fmt.Errorf("get the log of comment %d: %w", id, err)
	}
	post := s.postsByID(r.Context(), []int64{c.PostID})[c.PostID]
	return moderatedPage{
		moderated: s.moderated(comment.Moderated{Comment: c}, post, string(c.State), form),
		Decisions: log.Decisions, Problems: form.Problems,
	}, nil
}
