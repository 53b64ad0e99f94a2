package page

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"blogplatform.io/operator/services/internal/problem"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// Key is a row's place in a list that time and id order.
type Key struct {
	// At is exact to the microsecond, as PostgreSQL is.
	At time.Time
	ID int64
}

// First is before every row of a list with the newest first.
var First = Key{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: math.MaxInt64}

// Oldest is before every row of a list with the oldest first.
var Oldest = Key{At: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)}

// String returns the key as clients send it back.
func (k Key) String() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(k.At.UnixMicro()))
	binary.BigEndian.PutUint64(raw[8:], uint64(k.ID))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// After reads the key that a client sent as the parameter after; start is where
// a list begins without one. The error is a problem.
func After(sent *string, start Key) (Key, error) {
	if sent == nil || *sent == "" {
		return start, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*sent)
	if err != nil || len(raw) != 16 {
		return Key{}, WrongKey()
	}
	key := Key{At: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[:8]))).UTC(), ID: int64(binary.BigEndian.Uint64(raw[8:]))}
	if key.ID <= 0 || key.At.Before(Oldest.At) || key.At.After(First.At) {
		return Key{}, WrongKey()
	}
	return key, nil
}

// WrongKey is the problem of a key that is not one of ours.
func WrongKey() error { return problem.Invalid("after", "must be the next of the page before.") }

// Limit reads how many rows a client asked for: 1 to 100, 20 when it did not
// say. The error is a problem.
func Limit(sent *int) (int, error) {
	if sent == nil {
		return defaultLimit, nil
	}
	if *sent < 1 || *sent > maxLimit {
		return 0, problem.Invalid("limit", fmt.Sprintf("must be a number from 1 to %d.", maxLimit))
	}
	return *sent, nil
}

// Cut takes the rows of one page from one row more than that, and returns the
// key of the page after it, nil for none.
func Cut[T any](rows []T, limit int, key func(T) Key) (page []T, next *string) {
	if len(rows) <= limit {
		return rows, nil
	}
	return rows[:limit], new(key(rows[limit-1]).String())
}
