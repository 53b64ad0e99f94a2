package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/sync/errgroup"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
)

const (
	// threadsOnPage is how many threads a post shows at once.
	threadsOnPage = 50
	// commentBody is how many bytes a comment's form may send: many more than a
	// comment may have, so that one that is too long comes back to be shortened.
	commentBody = 1 << 20
)

// thread is what was said under a post.
type thread struct {
	Slug     string
	Comments []commentView
	// Missing says that the comment service did not answer.
	Missing bool
	// NoSuchPage says that the address of the page is not one of ours.
	NoSuchPage bool
	// Page is the page of threads, empty for the first, Next that after it.
	Page, Next string
	Visitor    *visitor
	// SignIn says that who is not signed in can.
	SignIn bool
	// Closed says that nobody may say anything more.
	Closed bool
	// Form is what the visitor is saying.
	Form field
	// Notice is what became of what the visitor said.
	Notice string
}

// commentView is a comment as its visitor sees it.
type commentView struct {
	Comment    comment.Comment
	Slug, Page string
	Visitor    *visitor
	// ByPostsAuthor says that who wrote the post says it: a name alone could be anybody's.
	ByPostsAuthor bool
	// ByStaff says that an Editor or Admin says it.
	ByStaff bool
	// MayReply, and what the visitor is replying.
	MayReply bool
	Reply    field
}

// MayDelete reports whether the visitor may take the comment away.
func (c commentView) MayDelete() bool { return c.Comment.Mine || c.Visitor.May(token.Editor) }

// Return is where signing in to say something leads back to.
func (t thread) Return() string {
	address := url.URL{Path: "/posts/" + t.Slug}
	if t.Page != "" {
		address.RawQuery = url.Values{"comments": {t.Page}}.Encode()
	}
	return address.String()
}

// Gone reports whether the comment only holds its replies.
func (c commentView) Gone() bool { return c.Comment.Body == "" }

// commentField is what a comment is typed into; parent is nil for a new thread.
func (s *site) commentField(parent *int64, label string) field {
	name := "body"
	if parent != nil {
		name = fmt.Sprintf("body-%d", *parent)
	}
	return field{Name: name, Label: label, Required: true, Rows: 4}
}

// readThread returns a page of threads; while they cannot be had the post is
// shown without.
func (s *site) readThread(ctx context.Context, post content.Post, page string) thread {
	t := thread{Slug: post.Slug, Page: page, Visitor: visitorOf(ctx), SignIn: s.signIn, Form: s.commentField(nil, s.messages.text("comments.yours"))}
	asks, together := errgroup.WithContext(ctx)
	if t.Visitor != nil {
		asks.Go(func() error {
			answer, err := s.backends.comment.GetSettingsWithResponse(together)
			if err != nil {
				return err
			}
			settings, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
			t.Closed = settings.Policy == comment.Closed
			return err
		})
	}
	list, err := s.comments(together, post.ID, page)
	t.NoSuchPage = statusOf(err) == http.StatusBadRequest
	if err := errors.Join(err, asks.Wait()); err != nil {
		slog.WarnContext(ctx, "post shown without comments", "error", err)
		t.Missing = true
		return t
	}
	// The post's own is asked for, too: it is needed next.
	signatures := []signature{{post.Author.ID, &post.Author.Name}}
	for i := range list.Comments {
		signatures = append(signatures, signature{list.Comments[i].Author.ID, &list.Comments[i].Author.Name})
	}
	staff := s.nameCache.rename(ctx, signatures...)
	t.Comments = make([]commentView, len(list.Comments))
	for i, c := range list.Comments {
		t.Comments[i] = s.commentView(t, c)
		t.Comments[i].ByStaff = c.Author.ID != nil && staff[*c.Author.ID]
		t.Comments[i].ByPostsAuthor = c.Author.ID != nil && post.Author.ID != nil && *c.Author.ID == *post.Author.ID
	}
	if list.Next != nil {
		t.Next = *list.Next
	}
	return t
}

func (s *site) commentView(t thread, c comment.Comment) commentView {
	view := commentView{Comment: c, Slug: t.Slug, Page: t.Page, Visitor: t.Visitor}
	view.MayReply = t.Visitor != nil && !t.Closed && c.State == comment.StateApproved
	view.Reply = s.commentField(&c.ID, s.messages.text("comments.reply.to", c.Author.Name))
	return view
}

func (s *site) comments(ctx context.Context, post int64, after string) (comment.CommentList, error) {
	params := &comment.ListCommentsParams{Limit: new(threadsOnPage)}
	if after != "" {
		params.After = &after
	}
	answer, err := s.backends.comment.ListCommentsWithResponse(ctx, post, params, visitorOf(ctx).asComment)
	if err != nil {
		return comment.CommentList{}, fmt.Errorf("list comments on post %d: %w", post, err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return comment.CommentList{}, fmt.Errorf("list comments on post %d: %w", post, err)
	}
	return list, nil
}

// say serves POST /posts/{slug}/comments.
func (s *site) say(w http.ResponseWriter, r *http.Request) error {
	// Who comments has read it already.
	post, err := s.findPost(r.Context(), r.PathValue("slug"), new(int32(0)))
	if err != nil {
		return err
	}
	var parent *int64
	if text := r.PostFormValue("parent"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return &problem.Error{Status: http.StatusBadRequest}
		}
		parent = &id
	}
	name := s.commentField(parent, "").Name
	form := formOf(r, name)
	answer, err := s.backends.comment.CreateCommentWithResponse(r.Context(), post.ID,
		comment.CommentInput{Body: form.Value(name), ParentID: parent}, visitorOf(r.Context()).asComment)
	if err != nil {
		return err
	}
	said := answer.JSON201
	if said == nil {
		said = answer.JSON200
	}
	c, err := rest.Result(said, answer.HTTPResponse, answer.Body)
	if form.refusedBy(err) {
		return s.refuseComment(w, r, post, parent, form)
	}
	if err != nil {
		return err
	}
	return s.showSaid(w, r, post, c)
}

// showSaid shows what became of a comment.
func (s *site) showSaid(w http.ResponseWriter, r *http.Request, post content.Post, c comment.Comment) error {
	notice := "notice.said"
	if c.State == comment.StateHeld {
		notice = "notice.held"
	}
	if !isPart(r) {
		s.tell(w, notice)
		redirect(w, r, fmt.Sprintf("/posts/%s#comment-%d", url.PathEscape(post.Slug), c.ID))
		return nil
	}
	thread := s.readThread(r.Context(), post, r.PostFormValue("page"))
	thread.Notice = s.messages.text(notice)
	return s.fragment(w, r, http.StatusOK, "post", "thread", thread)
}

// refuseComment shows what is wrong with a comment, beside what was typed.
func (s *site) refuseComment(w http.ResponseWriter, r *http.Request, post content.Post, parent *int64, form form) error {
	thread := s.readThread(r.Context(), post, r.PostFormValue("page"))
	refused := &thread.Form
	for i := range thread.Comments {
		if parent != nil && thread.Comments[i].Comment.ID == *parent {
			refused = &thread.Comments[i].Reply
		}
	}
	for _, value := range form.values {
		refused.Value = value
	}
	refused.Problem = form.Problems[0].Text
	if isPart(r) {
		return s.fragment(w, r, http.StatusUnprocessableEntity, "post", "thread", thread)
	}
	s.showPost(w, r, http.StatusUnprocessableEntity, post, thread)
	return nil
}

// findComment returns a comment and the post it stands under, which the visitor
// has to be able to read.
func (s *site) findComment(r *http.Request) (comment.Comment, content.PostSummary, error) {
	id, err := pathID(r)
	if err != nil {
		return comment.Comment{}, content.PostSummary{}, err
	}
	answer, err := s.backends.comment.GetCommentWithResponse(r.Context(), id, visitorOf(r.Context()).asComment)
	if err != nil {
		return comment.Comment{}, content.PostSummary{}, fmt.Errorf("get comment %d: %w", id, err)
	}
	c, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return comment.Comment{}, content.PostSummary{}, fmt.Errorf("get comment %d: %w", id, err)
	}
	posts, err := s.posts(r.Context(), content.ListPostsParams{Ids: &[]int64{c.PostID}})
	if err != nil {
		return comment.Comment{}, content.PostSummary{}, err
	}
	if len(posts.Posts) == 0 {
		return comment.Comment{}, content.PostSummary{}, &problem.Error{Status: http.StatusNotFound}
	}
	return c, posts.Posts[0], nil
}

// pathID returns the id in a path; what is no number is found nowhere.
func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, &problem.Error{Status: http.StatusNotFound}
	}
	return id, nil
}

// like serves POST /comments/{id}/like, which gives or takes a like back.
func (s *site) like(w http.ResponseWriter, r *http.Request) error {
	c, post, err := s.findComment(r)
	if err != nil {
		return err
	}
	as := visitorOf(r.Context()).asComment
	if r.PostFormValue("liked") == "true" {
		answer, errLike := s.backends.comment.LikeCommentWithResponse(r.Context(), c.ID, as)
		if errLike != nil {
			return errLike
		}
		c, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	} else {
		answer, errUnlike := s.backends.comment.UnlikeCommentWithResponse(r.Context(), c.ID, as)
		if errUnlike != nil {
			return errUnlike
		}
		c, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return err
	}
	if isPart(r) {
		// Only the button: a reply that is being typed beside it stays.
		return s.fragment(w, r, http.StatusOK, "post", "like", commentView{Comment: c, Page: r.PostFormValue("page")})
	}
	leadTo(w, r, post, c)
	return nil
}

// leadTo sends the browser to a comment on its page.
func leadTo(w http.ResponseWriter, r *http.Request, post content.PostSummary, c comment.Comment) {
	to := "/posts/" + url.PathEscape(post.Slug)
	if page := r.PostFormValue("page"); page != "" {
		to += "?comments=" + url.QueryEscape(page)
	}
	redirect(w, r, fmt.Sprintf("%s#comment-%d", to, c.ID))
}

// commentPage is for one comment.
type commentPage struct {
	Comment comment.Comment
	Post    content.PostSummary
	Form    field
	// Problems are those that are no field's.
	Problems []formProblem
}

// editComment serves GET and POST /comments/{id}/edit.
func (s *site) editComment(w http.ResponseWriter, r *http.Request) error {
	c, post, err := s.findComment(r)
	if err != nil {
		return err
	}
	if !c.Mine {
		return &problem.Error{Status: http.StatusForbidden, Detail: s.messages.text("comments.edit.notyours")}
	}
	form := newForm(map[string]string{"body": c.Body})
	if r.Method == http.MethodPost {
		form = formOf(r, "body")
		answer, err := s.backends.comment.EditCommentWithResponse(r.Context(), c.ID, comment.EditInput{Body: form.Value("body")}, visitorOf(r.Context()).asComment)
		if err != nil {
			return err
		}
		edited, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		if err == nil {
			s.tell(w, map[bool]string{true: "notice.held", false: "notice.saved"}[edited.State == comment.StateHeld])
			leadTo(w, r, post, edited)
			return nil
		}
		if !form.refusedBy(err, "body") {
			return err
		}
	}
	field := s.commentField(nil, s.messages.text("comments.edit.label"))
	field.Rows = 6
	s.render(w, r, form.status(), document{
		Template: "comment-edit", Title: s.messages.text("comments.edit.title"),
		Page: commentPage{Comment: c, Post: post, Form: form.field(field), Problems: form.Problems},
	})
	return nil
}

// deleteComment serves GET /comments/{id}/delete, which asks, and POST, which does.
func (s *site) deleteComment(w http.ResponseWriter, r *http.Request) error {
	c, post, err := s.findComment(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		s.render(w, r, http.StatusOK, document{
			Template: "comment-delete", Title: s.messages.text("comments.delete.title"), Page: commentPage{Comment: c, Post: post},
		})
		return nil
	}
	answer, err := s.backends.comment.DeleteCommentWithResponse(r.Context(), c.ID, visitorOf(r.Context()).asComment)
	if err != nil {
		return err
	}
	if err := gone(done(answer.HTTPResponse, answer.Body)); err != nil {
		return err
	}
	s.tell(w, "notice.deleted")
	redirect(w, r, "/posts/"+url.PathEscape(post.Slug)+"#comments")
	return nil
}

// done returns the error of an answer that has no document when all is well.
func done(answer *http.Response, body []byte) error {
	if answer.StatusCode == http.StatusNoContent {
		return nil
	}
	_, err := rest.Result[struct{}](nil, answer, body)
	return err
}

// gone forgives that what should go was not there: it is what was asked for.
func gone(err error) error {
	if errors.Is(err, rest.ErrNotFound) {
		return nil
	}
	return err
}
