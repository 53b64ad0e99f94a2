package service

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

const taxonomyPath = "/admin/settings/topics"

// categoryFields are what a category is made of, as the service calls it.
var categoryFields = []string{"name", "parentId", "position"}

type taxonomyPage struct {
	Tabs       tabs
	Categories []content.Category
	Tags       []content.Tag
	// Name and Parent are of another category.
	Name, Parent field
	Problems     []formProblem
}

// taxonomy serves GET /admin/settings/topics, and POST, which adds a category.
func (s *site) taxonomy(w http.ResponseWriter, r *http.Request) error {
	form := formOf(r, "name", "parentId")
	if r.Method == http.MethodPost {
		err := s.addCategory(r, form)
		if err == nil {
			s.tell(w, "notice.category.added")
			redirect(w, r, taxonomyPath)
			return nil
		}
		if !form.refusedBy(err, categoryFields...) {
			return err
		}
	}
	categories, err := s.categories(r)
	if err != nil {
		return err
	}
	tags, err := s.tags(r)
	if err != nil {
		return err
	}
	s.render(w, r, form.status(), document{Template: "taxonomy", Title: s.messages.text("taxonomy.title"), Wide: true, Page: taxonomyPage{
		Tabs: s.settingsTabs("topics"), Categories: categories, Tags: tags, Problems: form.Problems,
		Name:   form.field(field{Name: "name", Label: s.messages.text("taxonomy.new"), Required: true}),
		Parent: s.parentField(form, categories),
	}})
	return nil
}

// parentField offers where a category can stand.
func (s *site) parentField(form form, categories []content.Category) field {
	return form.field(field{Name: "parentId", Label: s.messages.text("taxonomy.parent"), Options: choiceOf(s.messages.text("taxonomy.top"), categories)})
}

// choiceOf offers categories, and none of them.
func choiceOf(none string, categories []content.Category) []option {
	options := []option{{"", none}}
	for _, c := range categories {
		options = append(options, option{strconv.FormatInt(c.ID, 10), strings.Repeat("– ", c.Depth) + c.Name})
	}
	return options
}

// categoryInput reads what was filled in. What is no number was made up, for
// a parent, and is told to the person, for a position.
func (s *site) categoryInput(form *form) (content.CategoryInput, error) {
	change := content.CategoryInput{Name: form.Value("name")}
	if text := form.Value("parentId"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return change, &problem.Error{Status: http.StatusBadRequest}
		}
		change.ParentID = &id
	}
	if text := form.Value("position"); text != "" {
		position, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
		if err != nil {
			form.refuse("position", s.messages.text("topic.position.wrong"))
		}
		change.Position = new(int32(position))
	}
	return change, nil
}

func (s *site) addCategory(r *http.Request, form form) error {
	change, err := s.categoryInput(&form)
	if err != nil {
		return err
	}
	answer, err := s.backends.content.CreateCategoryWithResponse(r.Context(), change, visitorOf(r.Context()).asContent)
	if err == nil {
		_, err = rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return fmt.Errorf("add a category: %w", err)
	}
	return nil
}

// topicPage is for changing a category or a tag.
type topicPage struct {
	Name string
	// Slug is the last part of its address, Public the address.
	Slug, Public string
	Fields       []field
	Problems     []formProblem
	// Delete is where it can be removed, RemoveText what that does.
	Delete, Remove, RemoveText string
}

// findCategory returns the category that the path names, and where it can be put.
func (s *site) findCategory(r *http.Request) (found content.Category, parents []content.Category, err error) {
	id, err := pathID(r)
	if err != nil {
		return found, nil, err
	}
	all, err := s.categories(r)
	if err != nil {
		return found, nil, err
	}
	below := map[int64]bool{id: true}
	for _, c := range all {
		switch {
		case c.ID == id:
			found = c
		case c.ParentID != nil && below[*c.ParentID]:
			// Nothing can be put below itself. Parents come before their children.
			below[c.ID] = true
		default:
			parents = append(parents, c)
		}
	}
	if found.ID == 0 {
		return found, nil, &problem.Error{Status: http.StatusNotFound}
	}
	return found, parents, nil
}

func categoryPath(id int64) string { return fmt.Sprintf("/admin/settings/categories/%d", id) }

// changeCategory serves GET and POST /admin/settings/categories/{id}.
func (s *site) changeCategory(w http.ResponseWriter, r *http.Request) error {
	category, parents, err := s.findCategory(r)
	if err != nil {
		return err
	}
	values := map[string]string{"name": category.Name, "position": strconv.Itoa(int(category.Position))}
	if category.ParentID != nil {
		values["parentId"] = strconv.FormatInt(*category.ParentID, 10)
	}
	form := newForm(values)
	if r.Method == http.MethodPost {
		form = formOf(r, categoryFields...)
		change, err := s.categoryInput(&form)
		if err != nil {
			return err
		}
		if len(form.Problems) == 0 {
			answer, err := s.backends.content.UpdateCategoryWithResponse(r.Context(), category.ID, change, visitorOf(r.Context()).asContent)
			if err == nil {
				_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
			}
			if err == nil {
				s.tell(w, "notice.saved")
				redirect(w, r, taxonomyPath)
				return nil
			}
			if !form.refusedBy(err, categoryFields...) {
				return fmt.Errorf("change category %d: %w", category.ID, err)
			}
		}
	}
	text := s.messages.text
	s.showTopic(w, r, form, topicPage{
		Name: category.Name, Slug: category.Slug, Public: "/categories/" + url.PathEscape(category.Slug),
		Fields: []field{
			form.field(field{Name: "name", Label: text("topic.category"), Help: text("topic.slug"), Required: true}),
			s.parentField(form, parents),
			form.field(field{Name: "position", Label: text("topic.position"), Help: text("topic.position.help"), Numeric: true}),
		},
		Delete: categoryPath(category.ID) + "/delete", Remove: text("topic.remove.category"), RemoveText: text("topic.removed.category"),
	})
	return nil
}

func (s *site) showTopic(w http.ResponseWriter, r *http.Request, form form, page topicPage) {
	page.Problems = form.Problems
	s.render(w, r, form.status(), document{Template: "topic", Title: page.Name, Wide: true, Page: page})
}

// deleteCategory serves GET /admin/settings/categories/{id}/delete, which asks,
// and POST, which does it.
func (s *site) deleteCategory(w http.ResponseWriter, r *http.Request) error {
	category, _, err := s.findCategory(r)
	if err != nil {
		return err
	}
	return s.deleteTopic(w, r, confirmPage{
		Question: s.messages.text("topic.question", category.Name), Text: s.messages.text("topic.removed.category"),
		Do: s.messages.text("topic.remove.category"), Back: categoryPath(category.ID),
	}, func() error {
		answer, err := s.backends.content.DeleteCategoryWithResponse(r.Context(), category.ID, visitorOf(r.Context()).asContent)
		if err != nil {
			return err
		}
		return done(answer.HTTPResponse, answer.Body)
	})
}

// deleteTopic asks and deletes, and goes back to the list of topics.
func (s *site) deleteTopic(w http.ResponseWriter, r *http.Request, page confirmPage, do func() error) error {
	deleted, err := s.confirmed(w, r, func() error { return gone(do()) }, func() (confirmPage, error) { return page, nil })
	if deleted {
		s.tell(w, "notice.removed")
		redirect(w, r, taxonomyPath)
	}
	return err
}

// findTag returns the tag that the path names.
func (s *site) findTag(r *http.Request) (content.Tag, error) {
	all, err := s.tags(r)
	if err != nil {
		return content.Tag{}, err
	}
	for _, tag := range all {
		if tag.Slug == r.PathValue("slug") {
			return tag, nil
		}
	}
	return content.Tag{}, &problem.Error{Status: http.StatusNotFound}
}

func tagPath(slug string) string { return "/admin/settings/tags/" + url.PathEscape(slug) }

// changeTag serves GET and POST /admin/settings/tags/{slug}.
func (s *site) changeTag(w http.ResponseWriter, r *http.Request) error {
	tag, err := s.findTag(r)
	if err != nil {
		return err
	}
	form := newForm(map[string]string{"name": tag.Name})
	if r.Method == http.MethodPost {
		form = formOf(r, "name")
		answer, err := s.backends.content.RenameTagWithResponse(r.Context(), tag.Slug, content.TagInput{Name: form.Value("name")}, visitorOf(r.Context()).asContent)
		if err == nil {
			_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		}
		if err == nil {
			s.tell(w, "notice.saved")
			redirect(w, r, taxonomyPath)
			return nil
		}
		if !form.refusedBy(err, "name") {
			return fmt.Errorf("rename tag %s: %w", tag.Slug, err)
		}
	}
	text := s.messages.text
	s.showTopic(w, r, form, topicPage{
		Name: tag.Name, Slug: tag.Slug, Public: "/tags/" + url.PathEscape(tag.Slug),
		Fields: []field{form.field(field{Name: "name", Label: text("topic.tag"), Help: text("topic.slug"), Required: true})},
		Delete: tagPath(tag.Slug) + "/delete", Remove: text("topic.remove.tag"), RemoveText: text("topic.removed.tag"),
	})
	return nil
}

// deleteTag serves GET /admin/settings/tags/{slug}/delete, which asks, and POST,
// which does it.
func (s *site) deleteTag(w http.ResponseWriter, r *http.Request) error {
	tag, err := s.findTag(r)
	if err != nil {
		return err
	}
	return s.deleteTopic(w, r, confirmPage{
		Question: s.messages.text("topic.question", tag.Name), Text: s.messages.text("topic.removed.tag"),
		Do: s.messages.text("topic.remove.tag"), Back: tagPath(tag.Slug),
	}, func() error {
		answer, err := s.backends.content.DeleteTagWithResponse(r.Context(), tag.Slug, visitorOf(r.Context()).asContent)
		if err != nil {
			return err
		}
		return done(answer.HTTPResponse, answer.Body)
	})
}
