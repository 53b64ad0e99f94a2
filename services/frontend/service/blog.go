package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/rest"
)

const (
	// settingsFresh is how long the blog's settings count, or how long it takes
	// until they are asked for again after they could not be had.
	settingsFresh   = 5 * time.Second
	settingsTimeout = time.Second
	defaultPageSize = 20
)

// blogSettings are what the blog is called and how it lists posts, as every page
// needs to know. A page never fails for want of them.
type blogSettings struct {
	content *content.Client
	now     func() time.Time

	mu    sync.Mutex
	value content.Settings
	// asked is set once they were asked for: before that, everybody waits.
	asked  bool
	due    time.Time
	flight singleflight.Group
}

func newBlogSettings(client *content.Client, texts messages) *blogSettings {
	return &blogSettings{content: client, now: time.Now, value: content.Settings{
		Name: texts.text("blog.name"), Description: texts.text("blog.description"), Language: "en", PostsPerPage: defaultPageSize,
	}}
}

// get returns the settings as they were up to settingsFresh ago, or as they were
// last known.
func (b *blogSettings) get(ctx context.Context) content.Settings {
	b.mu.Lock()
	value, asked, asks := b.value, b.asked, !b.now().Before(b.due)
	if asks && asked {
		// Others go on with what is known while this request asks.
		b.due = b.now().Add(settingsFresh)
	}
	b.mu.Unlock()
	if !asks {
		return value
	}
	answer, _, _ := b.flight.Do("", func() (any, error) { return b.refresh(ctx), nil })
	return answer.(content.Settings)
}

func (b *blogSettings) refresh(ctx context.Context) content.Settings {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settingsTimeout)
	defer cancel()
	var value content.Settings
	answer, err := b.content.GetSettingsWithResponse(ctx)
	if err == nil {
		value, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.due = true, b.now().Add(settingsFresh)
	if err != nil {
		slog.WarnContext(ctx, "the blog's settings are those known before", "error", err)
		return b.value
	}
	b.value = value
	return value
}

// forget makes the next page ask anew, after the settings were changed.
func (b *blogSettings) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = time.Time{}
}
