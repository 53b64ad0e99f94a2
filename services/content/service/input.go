package service

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
)

// Lengths in characters, as openapi.yaml has them.
const (
	maxTitle   = 200
	maxSummary = 500
	maxBody    = 200_000
	maxSlug    = 80
	maxTags    = 10
	maxTag     = 50
	maxNote    = 2000
	maxKey     = 64
)

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// isSlug reports whether something can be found under a slug at all. What has
// another form never reaches the database.
func isSlug(text string) bool { return len(text) <= 120 && slugForm.MatchString(text) }

// manuscript is a checked api.ManuscriptInput.
type manuscript struct {
	title, summary, body string
	// slug is empty where none was given.
	slug     string
	tags     []api.Tag
	category *int64
	rendered markdown.Result
}

func (s *service) readManuscript(ctx context.Context, in *api.ManuscriptInput) (manuscript, error) {
	var (
		m   = manuscript{body: in.Body, category: in.CategoryID}
		err error
	)
	if m.title, err = input.Line("body.title", in.Title, 1, maxTitle); err != nil {
		return manuscript{}, err
	}
	if m.summary, err = input.Line("body.summary", input.Value(in.Summary), 0, maxSummary); err != nil {
		return manuscript{}, err
	}
	if err := input.Text("body.body", in.Body, 0, maxBody); err != nil {
		return manuscript{}, err
	}
	if in.Slug != nil {
		if m.slug = *in.Slug; len(m.slug) > maxSlug || !slugForm.MatchString(m.slug) {
			return manuscript{}, problem.Invalid("body.slug", fmt.Sprintf("must be lower-case letters and digits in groups that hyphens join, at most %d.", maxSlug))
		}
	}
	if m.tags, err = readTags(in.Tags); err != nil {
		return manuscript{}, err
	}
	if m.rendered, err = s.renderer.render(ctx, m.body); err != nil {
		return manuscript{}, refusedText(err)
	}
	return m, nil
}

func readTags(names *[]string) ([]api.Tag, error) {
	tags := []api.Tag{}
	for _, name := range input.Value(names) {
		name, err := input.Line("body.tags", name, 1, maxTag)
		if err != nil {
			return nil, err
		}
		tag := api.Tag{Slug: markdown.TagSlug(name), Name: name}
		if !slices.ContainsFunc(tags, func(t api.Tag) bool { return t.Slug == tag.Slug }) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > maxTags {
		return nil, problem.Invalid("body.tags", fmt.Sprintf("must be at most %d.", maxTags))
	}
	return tags, nil
}
