package asgardeo

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed people.json
var people []byte

// DemoPeople are who signs in where the fake is for people and not for a test:
// an admin, an editor and a reader, in this order. What makes them that is the blog's.
func DemoPeople() ([]User, error) {
	var users []User
	if err := json.Unmarshal(people, &users); err != nil {
		return nil, fmt.Errorf("read people.json: %w", err)
	}
	return users, nil
}
