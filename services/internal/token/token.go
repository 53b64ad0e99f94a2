package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Lifetime is how long a token holds.
const Lifetime = 60 * time.Second

// algorithm is the only one that is signed with and accepted (RFC 8037: Ed25519).
const algorithm = jose.EdDSA

// Audiences of tokens: the services that take them.
const (
	User    = "user"
	Content = "content"
	Comment = "comment"
)

// Role is what a person may do on the blog. Each includes the one before.
type Role string

// Roles.
const (
	Reader Role = "Reader"
	Editor Role = "Editor"
	Admin  Role = "Admin"
)

// Valid reports whether the role is one of the three.
func (r Role) Valid() bool { return r == Reader || r == Editor || r == Admin }

// Includes reports whether the role may do what other may.
func (r Role) Includes(other Role) bool { return rank(r) >= rank(other) && rank(other) > 0 }

func rank(r Role) int {
	switch r {
	case Reader:
		return 1
	case Editor:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// Erasure as a token's purpose lets the user service, in the name of a person
// who has left, erase what one service keeps of that person. Such a token is
// good for nothing else, and no other is good for it.
const Erasure = "erasure"

// Claims are what a token says.
type Claims struct {
	// Person is the id of who asks.
	Person int64
	// Name is the person's display name.
	Name string
	// Role is empty in a token for an erasure.
	Role Role
	// Purpose is empty for a request of the person, or [Erasure].
	Purpose string
}

type payload struct {
	jwt.Claims
	Name    string `json:"name,omitempty"`
	Role    Role   `json:"role,omitempty"`
	Purpose string `json:"purpose,omitempty"`
}

// Key signs tokens.
type Key struct {
	// ID is the key's kid, which the published key has, too.
	ID      string
	private ed25519.PrivateKey
}

// NewKey makes a key.
func NewKey() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	return Key{ID: rand.Text(), private: private}, nil
}

// ParseKey returns the key with that id from its seed (see [Key.Seed]).
func ParseKey(id string, seed []byte) (Key, error) {
	if len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("signing key %s is %d bytes long instead of %d", id, len(seed), ed25519.SeedSize)
	}
	return Key{ID: id, private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed returns what a database keeps of the key. It is a secret.
func (k Key) Seed() []byte { return k.private.Seed() }

// Public returns what others verify with.
func (k Key) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: string(algorithm), Use: "sig"}
}

// Sign issues a token that holds for [Lifetime] from now.
func (k Key) Sign(issuer, audience string, claims Claims, now time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("use signing key %s: %w", k.ID, err)
	}
	raw, err := jwt.Signed(signer).Claims(payload{
		Claims: jwt.Claims{
			Issuer: issuer, Audience: jwt.Audience{audience}, Subject: strconv.FormatInt(claims.Person, 10), ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(Lifetime)),
		},
		Name: claims.Name, Role: claims.Role, Purpose: claims.Purpose,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.ID, err)
	}
	return raw, nil
}

// claims checks what a verified payload says.
func (p payload) claims(issuer, audience string, now time.Time) (Claims, error) {
	if p.Expiry == nil || p.IssuedAt == nil {
		return Claims{}, errors.New("it does not say when it was issued and when it ends")
	}
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}
	if err := p.ValidateWithLeeway(expected, leeway); err != nil {
		return Claims{}, err
	}
	if len(p.Audience) != 1 {
		return Claims{}, errors.New("it is for more than one audience")
	}
	person, err := strconv.ParseInt(p.Subject, 10, 64)
	if err != nil || person <= 0 {
		return Claims{}, errors.New("its subject is not a person")
	}
	if forPerson, forErasure := p.Purpose == "" && p.Role.Valid(), p.Purpose == Erasure && p.Role == ""; !forPerson && !forErasure {
		return Claims{}, errors.New("its role and purpose do not fit")
	}
	return Claims{Person: person, Name: p.Name, Role: p.Role, Purpose: p.Purpose}, nil
}

// Set is the JSON document with the keys that tokens are verified with (RFC 7517).
type Set = jose.JSONWebKeySet

// ParseSet reads a Set. Keys of other algorithms are left out.
func ParseSet(document []byte) (Set, error) {
	var all, ours Set
	if err := json.Unmarshal(document, &all); err != nil {
		return Set{}, fmt.Errorf("read the key set: %w", err)
	}
	for _, key := range all.Keys {
		if _, ok := key.Key.(ed25519.PublicKey); ok && key.Algorithm == string(algorithm) && key.KeyID != "" {
			ours.Keys = append(ours.Keys, key)
		}
	}
	return ours, nil
}
