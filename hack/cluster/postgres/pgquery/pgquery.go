// Package pg_query stands in for github.com/pganalyze/pg_query_go, which holds
// PostgreSQL's whole parser in C. The operator calls it for one thing: to read
// the options of a role, to leave out the password, and to write the rest. This
// package reads just that, and refuses whatever else the real parser accepts:
// the operator then sets no options at all.
package pg_query

import (
	"fmt"
	"regexp"
	"strings"
)

// prefix is the statement that the operator puts before the options.
const prefix = `ALTER ROLE "any" WITH `

// ParseResult holds the statements of a text.
type ParseResult struct{ stmts []*RawStmt }

// GetStmts answers the statements. Parse answers exactly one.
func (r *ParseResult) GetStmts() []*RawStmt { return r.stmts }

// RawStmt is one statement.
type RawStmt struct{ stmt *Node }

// GetStmt answers what the statement holds.
func (s *RawStmt) GetStmt() *Node { return s.stmt }

// Node is a part of a statement: the statement itself, or one option of it.
type Node struct {
	alterRole *AlterRoleStmt
	option    *DefElem
}

// GetAlterRoleStmt answers the ALTER ROLE statement, nil if the node is an option.
func (n *Node) GetAlterRoleStmt() *AlterRoleStmt { return n.alterRole }

// GetDefElem answers the option, nil if the node is the statement.
func (n *Node) GetDefElem() *DefElem { return n.option }

// AlterRoleStmt is ALTER ROLE "any" WITH Options.
type AlterRoleStmt struct {
	// Options of the role, in the order of the text.
	Options []*Node
}

// GetOptions answers the options.
func (s *AlterRoleStmt) GetOptions() []*Node { return s.Options }

// DefElem is an option of a role.
type DefElem struct{ name, sql string }

// GetDefname answers the option's name. It is never "password": Parse refuses that.
func (e *DefElem) GetDefname() string { return e.name }

// number and date are the values that options have. A date needs no escaping.
var (
	number = regexp.MustCompile(`^[+-]?[0-9]{1,9}$`)
	date   = regexp.MustCompile(`^'[0-9A-Za-z :.,+/-]*'$`)
)

// separated finds the tokens of the options: texts in quotes may hold spaces.
var separated = regexp.MustCompile(`'[^']*'\S*|\S+`)

// attributes are the options that are a single word. Each has a negation with NO before it.
// https://www.postgresql.org/docs/current/sql-alterrole.html
var attributes = map[string]string{
	"SUPERUSER": "superuser", "CREATEDB": "createdb", "CREATEROLE": "createrole", "INHERIT": "inherit",
	"LOGIN": "canlogin", "REPLICATION": "isreplication", "BYPASSRLS": "bypassrls",
}

// Parse reads ALTER ROLE "any" WITH and options. It answers an error for any
// other statement, for PASSWORD, for comments and for what is not an option.
func Parse(text string) (*ParseResult, error) {
	options, found := strings.CutPrefix(text, prefix)
	if !found {
		return nil, fmt.Errorf("reading SQL: only the statement %s… is understood", prefix)
	}
	statement := &AlterRoleStmt{}
	for tokens := separated.FindAllString(options, -1); len(tokens) > 0; {
		option, length := parseOption(tokens)
		if option == nil {
			return nil, fmt.Errorf("reading the options of a role: %q is not understood", strings.Join(tokens, " "))
		}
		statement.Options = append(statement.Options, &Node{option: option})
		tokens = tokens[length:]
	}
	return &ParseResult{stmts: []*RawStmt{{stmt: &Node{alterRole: statement}}}}, nil
}

// parseOption answers the option that tokens begin with and the number of its
// tokens, nil if they begin with none.
func parseOption(tokens []string) (*DefElem, int) {
	word := strings.ToUpper(tokens[0])
	if name, ok := attributes[strings.TrimPrefix(word, "NO")]; ok {
		return &DefElem{name: name, sql: word}, 1
	}
	if len(tokens) < 3 {
		return nil, 0
	}
	value := tokens[2]
	switch option := word + " " + strings.ToUpper(tokens[1]); {
	case option == "CONNECTION LIMIT" && number.MatchString(value):
		return &DefElem{name: "connectionlimit", sql: option + " " + strings.TrimPrefix(value, "+")}, 3
	case option == "VALID UNTIL" && date.MatchString(value) && !strings.Contains(value, "--"):
		return &DefElem{name: "validUntil", sql: option + " " + value}, 3
	}
	return nil, 0
}

// Deparse writes the statement that Parse read, with the options that it has now.
func Deparse(result *ParseResult) (string, error) {
	var options []string
	for _, node := range result.GetStmts()[0].GetStmt().GetAlterRoleStmt().GetOptions() {
		options = append(options, node.GetDefElem().sql)
	}
	return prefix + strings.Join(options, " "), nil
}
