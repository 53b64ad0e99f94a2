package service

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

// listPage is a list of the posts that have something in common.
type listPage struct {
	// Kind says what they have in common, Name what it is called.
	Kind, Name string
	// Person is set for the posts of a person, who has no picture but initials.
	Person bool
	List   postList
	// Below are the categories of a category.
	Below []content.Category
}

// tag serves GET /tags/{slug}.
func (s *site) tag(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("slug")
	list, err := s.listPosts(r, content.ListPostsParams{Tag: &slug})
	if err != nil {
		return err
	}
	page := listPage{Kind: s.messages.text("list.tag"), Name: slug, List: list}
	for _, post := range list.Posts {
		for _, tag := range post.Tags {
			if tag.Slug == slug {
				page.Name = tag.Name
			}
		}
	}
	s.showList(w, r, s.messages.text("list.about", page.Name), page)
	return nil
}

// category serves GET /categories/{slug}.
func (s *site) category(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("slug")
	list, err := s.listPosts(r, content.ListPostsParams{Category: &slug})
	if err != nil {
		return err
	}
	categories, err := s.categories(r)
	if err != nil {
		return err
	}
	page := listPage{Kind: s.messages.text("list.category"), Name: slug, List: list}
	var id int64
	for _, category := range categories {
		if category.Slug == slug {
			id, page.Name = category.ID, category.Name
		}
	}
	for _, category := range categories {
		if category.ParentID != nil && *category.ParentID == id {
			page.Below = append(page.Below, category)
		}
	}
	s.showList(w, r, s.messages.text("list.about", page.Name), page)
	return nil
}

func (s *site) categories(r *http.Request) ([]content.Category, error) {
	answer, err := s.backends.content.ListCategoriesWithResponse(r.Context())
	if err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	return list.Categories, nil
}

// author serves GET /authors/{id}.
func (s *site) author(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if r.PathValue("id") != strconv.FormatInt(id, 10) {
		// One person has one address.
		return &problem.Error{Status: http.StatusNotFound}
	}
	list, err := s.listPosts(r, content.ListPostsParams{Author: &id})
	if err != nil {
		return err
	}
	if v := visitorOf(r.Context()); len(list.Posts) == 0 && (v == nil || v.ID != id) {
		// Who has published nothing is not known here, whoever else they are.
		return &problem.Error{Status: http.StatusNotFound}
	}
	person, err := s.backends.user.Person(r.Context(), id)
	if err != nil {
		return err
	}
	s.showList(w, r, s.messages.text("list.by", person.DisplayName), listPage{
		Kind: s.messages.text("list.author"), Name: person.DisplayName, Person: true, List: list,
	})
	return nil
}

func (s *site) showList(w http.ResponseWriter, r *http.Request, description string, page listPage) {
	s.render(w, r, http.StatusOK, document{
		Template: "list", Title: page.Name, Description: description, Canonical: r.URL.Path, Page: page,
	})
}

type topicsPage struct {
	Categories []content.Category
	Tags       []content.Tag
}

// topics serves GET /topics.
func (s *site) topics(w http.ResponseWriter, r *http.Request) error {
	categories, err := s.categories(r)
	if err != nil {
		return err
	}
	tags, err := s.tags(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, document{
		Template: "topics", Title: s.messages.text("topics.title"), Canonical: "/topics", Page: topicsPage{categories, tags},
	})
	return nil
}

func (s *site) tags(r *http.Request) ([]content.Tag, error) {
	answer, err := s.backends.content.ListTagsWithResponse(r.Context())
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return list.Tags, nil
}

// tabs are pages that belong together.
type tabs struct {
	Label string
	Items []tab
}

type tab struct {
	Path, Label string
	Current     bool
}

// queryOf returns what the address says about a name, nil for nothing.
func queryOf(r *http.Request, name string) *string {
	if value := r.URL.Query().Get(name); value != "" {
		return &value
	}
	return nil
}

// queryID returns the id that the address gives a name, nil for none. What is no
// number is found nowhere.
func queryID(r *http.Request, name string) (*int64, error) {
	text := queryOf(r, name)
	if text == nil {
		return nil, nil
	}
	id, err := strconv.ParseInt(*text, 10, 64)
	if err != nil || id < 1 {
		return nil, &problem.Error{Status: http.StatusNotFound}
	}
	return &id, nil
}

// further returns the address of a list's next page, which begins after next.
func further(r *http.Request, name, next string) string {
	values := r.URL.Query()
	values.Set(name, next)
	return (&url.URL{Path: r.URL.Path, RawQuery: values.Encode()}).String()
}

// unlisted makes a page that is not there of a service's complaint about a
// list's address, which nobody typed into a form.
func unlisted(err error) error {
	if statusOf(err) == http.StatusBadRequest {
		return &problem.Error{Status: http.StatusNotFound}
	}
	return err
}
