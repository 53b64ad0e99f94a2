package service

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/rest"
)

type homePage struct {
	Lead *content.PostSummary
	List postList
}

// postList is a page of a list of posts.
type postList struct {
	Posts []content.PostSummary
	// Newest and Older are the addresses of other pages, empty for none.
	Newest, Older string
}

// home serves GET /.
func (s *site) home(w http.ResponseWriter, r *http.Request) error {
	after := r.URL.Query().Get("after")
	list, err := s.listPosts(r, content.ListPostsParams{})
	if err != nil {
		return err
	}
	page := homePage{List: list}
	if after == "" && len(list.Posts) > 0 {
		page.Lead, page.List.Posts = &list.Posts[0], list.Posts[1:]
	}
	s.render(w, r, http.StatusOK, document{Template: "home", Canonical: "/", Page: page})
	return nil
}

// listPosts returns the page of a list that the request asks for.
func (s *site) listPosts(r *http.Request, params content.ListPostsParams) (postList, error) {
	params.Limit = new(s.blog.get(r.Context()).PostsPerPage)
	after := r.URL.Query().Get("after")
	if after != "" {
		params.After = &after
	}
	found, err := s.posts(r.Context(), params)
	if err != nil {
		return postList{}, err
	}
	list := postList{Posts: found.Posts}
	if after != "" {
		list.Newest = r.URL.Path
	}
	if found.Next != nil {
		list.Older = r.URL.Path + "?after=" + url.QueryEscape(*found.Next)
	}
	return list, nil
}

func (s *site) posts(ctx context.Context, params content.ListPostsParams) (content.PostList, error) {
	answer, err := s.backends.content.ListPostsWithResponse(ctx, &params)
	if err != nil {
		return content.PostList{}, fmt.Errorf("list posts: %w", err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.PostList{}, fmt.Errorf("list posts: %w", err)
	}
	signatures := make([]signature, len(list.Posts))
	for i := range list.Posts {
		signatures[i] = signature{list.Posts[i].Author.ID, &list.Posts[i].Author.Name}
	}
	s.nameCache.rename(ctx, signatures...)
	return list, nil
}
