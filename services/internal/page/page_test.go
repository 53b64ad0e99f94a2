package page

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/problem"
)

func TestAKeyComesBackAsItWasSent(t *testing.T) {
	for _, key := range []Key{First, {time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), 7}, {time.Unix(-1, 0).UTC(), 1}} {
		if got, err := After(new(key.String()), Key{}); err != nil || got != key {
			t.Errorf("%v came back as %v, %v", key, got, err)
		}
	}
	if got, err := After(nil, First); err != nil || got != First {
		t.Errorf("without a key: %v, %v", got, err)
	}
}

func TestAMadeUpKeyOrLimitIsAProblem(t *testing.T) {
	refused := func(what, field string, err error) {
		t.Helper()
		var known *problem.Error
		if !errors.As(err, &known) || known.Status != http.StatusBadRequest || known.Field != field {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"7", "\x00", "'; DROP TABLE posts", "AAAAAAAAAAAAAAAAAAAAAA", "_____________________w", First.String() + "AA"} {
		_, err := After(&text, First)
		refused(text, "after", err)
	}
	for _, limit := range []int{0, -1, 101} {
		_, err := Limit(&limit)
		refused("limit", "limit", err)
	}
}

func TestThePageAfterBeginsWhereOneEnds(t *testing.T) {
	key := func(id int64) Key { return Key{time.Unix(id, 0).UTC(), id} }
	rows, next := Cut([]int64{1, 2, 3}, 2, key)
	if len(rows) != 2 || next == nil || *next != key(2).String() {
		t.Errorf("got %v, %v", rows, next)
	}
	if rows, next := Cut([]int64{1, 2}, 2, key); len(rows) != 2 || next != nil {
		t.Errorf("the last page: %v, %v", rows, next)
	}
}
