package service

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"blogplatform.io/operator/services/internal/rest"
	user "blogplatform.io/operator/services/user/client"
)

const (
	// namesFresh is how long a name counts, and how long the user service is left
	// alone after it could not tell.
	namesFresh   = 30 * time.Second
	namesTimeout = time.Second
	// namesAtOnce is how many people one request asks about, as the user service has it.
	namesAtOnce = 100
	// maxNames bounds the memory for them.
	maxNames = 8192
)

// nameCache knows what people are called now, and who of them is an Editor or
// Admin. Posts and comments have the names of when they were written; those stand
// where the user service does not answer.
type nameCache struct {
	users *user.Client
	now   func() time.Time

	mu    sync.Mutex
	known map[int64]cachedName
	// pause is until when the user service is not asked.
	pause time.Time
}

type cachedName struct {
	user.Named
	due time.Time
}

func newNameCache(users *user.Client) *nameCache {
	return &nameCache{users: users, now: time.Now, known: map[int64]cachedName{}}
}

// get returns those of the people with the ids who are known, by their ids.
func (c *nameCache) get(ctx context.Context, ids ...int64) map[int64]user.Named {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found, missing := c.cached(ids)
	for some := range slices.Chunk(missing, namesAtOnce) {
		people, err := c.ask(ctx, some)
		if err != nil {
			slog.WarnContext(ctx, "names are those of when the texts were written", "error", err)
			c.mu.Lock()
			c.pause = c.now().Add(namesFresh)
			c.mu.Unlock()
			break
		}
		for _, person := range people {
			found[person.ID] = person
		}
		c.remember(some, people)
	}
	return found
}

// cached returns who is known, and the ids of those to ask about.
func (c *nameCache) cached(ids []int64) (found map[int64]user.Named, missing []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = map[int64]user.Named{}
	now := c.now()
	for _, id := range ids {
		known, ok := c.known[id]
		if ok && known.ID != 0 {
			found[id] = known.Named
		}
		if id > 0 && (!ok || !now.Before(known.due)) && !now.Before(c.pause) {
			missing = append(missing, id)
		}
	}
	return found, missing
}

func (c *nameCache) ask(ctx context.Context, ids []int64) ([]user.Named, error) {
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	answer, err := c.users.LookUpPeopleWithResponse(ctx, &user.LookUpPeopleParams{Ids: ids})
	if err != nil {
		return nil, err
	}
	names, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	return names.People, err
}

// remember keeps an answer; those who are not in it have left.
func (c *nameCache) remember(ids []int64, people []user.Named) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known)+len(ids) > maxNames {
		clear(c.known)
	}
	due := c.now().Add(namesFresh)
	for _, id := range ids {
		c.known[id] = cachedName{due: due}
	}
	for _, person := range people {
		c.known[person.ID] = cachedName{person, due}
	}
}

// signature is the name under a text, and whose it is.
type signature struct {
	id   *int64
	name *string
}

// rename gives texts the present names of who wrote them, and returns who of them
// is an Editor or Admin.
func (c *nameCache) rename(ctx context.Context, signatures ...signature) map[int64]bool {
	var ids []int64
	for _, s := range signatures {
		if s.id != nil {
			ids = append(ids, *s.id)
		}
	}
	staff := map[int64]bool{}
	if len(ids) == 0 {
		return staff
	}
	names := c.get(ctx, ids...)
	for _, s := range signatures {
		if s.id == nil {
			continue
		}
		if person, known := names[*s.id]; known {
			*s.name = person.DisplayName
			staff[*s.id] = person.Staff
		}
	}
	return staff
}
