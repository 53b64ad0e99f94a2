package service

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language"

	"blogplatform.io/operator/services/internal/command"
)

// site answers browsers.
type site struct {
	identity command.Identity
	public   *url.URL
	backends backends
	signer   signer
	// signIn says that there is an identity provider. Without one the blog is for
	// reading, and speaks of nothing else.
	signIn    bool
	assets    assets
	messages  messages
	pages     map[string]*template.Template
	boxes     *strings.Replacer
	exchanges *exchanges
	nameCache *nameCache
	keeper    *keeper
	blog      *blogSettings
}

func newSite(identity command.Identity, public *url.URL, services backends, signer signer, signIn bool) (*site, error) {
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	messages, err := newMessages(language.English)
	if err != nil {
		return nil, err
	}
	s := &site{
		identity: identity, public: public, backends: services, signer: signer, signIn: signIn, assets: assets, messages: messages,
		pages: map[string]*template.Template{}, boxes: newBoxes(messages.text("post.table")), exchanges: newExchanges(services.user), nameCache: newNameCache(services.user), keeper: newKeeper(),
	}
	s.blog = newBlogSettings(services.content, messages)
	return s, s.readTemplates()
}

// anonymous returns the request without the person who makes it.
func anonymous(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, visit{}))
}
