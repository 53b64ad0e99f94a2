package pg_query

import (
	"strings"
	"testing"
)

// sanitize does with options what the operator does (internal/postgres/users.go),
// except that no option is a password.
func sanitize(options string) string {
	parsed, err := Parse(prefix + options)
	if err != nil || len(parsed.GetStmts()) != 1 {
		return ""
	}
	statement := parsed.GetStmts()[0].GetStmt().GetAlterRoleStmt()
	next := make([]*Node, 0, len(statement.GetOptions()))
	for _, option := range statement.GetOptions() {
		if !strings.EqualFold(option.GetDefElem().GetDefname(), "password") {
			next = append(next, option)
		}
	}
	if len(next) == 0 {
		return ""
	}
	statement.Options = next
	sql, _ := Deparse(parsed)
	return strings.TrimPrefix(sql, prefix)
}

func TestAServicesRoleLosesWhatItWasNotGiven(t *testing.T) {
	const options = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
	if got := sanitize(options); got != options {
		t.Errorf("its options are %q", got)
	}
}

func TestOptionsAreWrittenTheSameWayWhoeverWroteThem(t *testing.T) {
	for options, want := range map[string]string{
		"":                                 "",
		"login":                            "LOGIN",
		"  Login\n\tnoInherit ":            "LOGIN NOINHERIT",
		"createdb createrole superuser":    "CREATEDB CREATEROLE SUPERUSER",
		"replication bypassrls inherit":    "REPLICATION BYPASSRLS INHERIT",
		"connection limit 5 login":         "CONNECTION LIMIT 5 LOGIN",
		"connection limit -1":              "CONNECTION LIMIT -1",
		"connection limit +7":              "CONNECTION LIMIT 7",
		"valid until '2026-12-31 23:59+1'": "VALID UNTIL '2026-12-31 23:59+1'",
		"valid until 'infinity' nologin":   "VALID UNTIL 'infinity' NOLOGIN",
	} {
		if got := sanitize(options); got != want {
			t.Errorf("%q becomes %q, want %q", options, got, want)
		}
	}
}

func TestOptionsThatAreNotUnderstoodAreAllLeftOut(t *testing.T) {
	for _, options := range []string{
		"login other stuff",
		"no login",
		"NONOLOGIN",
		"login, createdb",
		"password 'secret' login",
		"login encrypted password 'secret'",
		"password $tag$ secret $tag$ login",
		"login; drop table posts",
		"login -- the rest",
		"login /* createdb */ createrole",
		"login /*",
		`"login"`,
		"connection limit",
		"connection limit five",
		"connection limit '5'",
		"connection limit 99999999999",
		"valid until",
		"valid until 2026",
		"valid until '2026",
		"valid until '2026'';drop'",
		"valid until '2026'login",
		"valid until '2026 -- '",
		`valid until E'\'2026'`,
		"in role admin",
		"sysid 5",
		"lоgin", // with a Cyrillic o
	} {
		if got := sanitize(options); got != "" {
			t.Errorf("%q becomes %q", options, got)
		}
	}
}

func TestOtherStatementsAreRefused(t *testing.T) {
	for _, text := range []string{"", "SELECT 1", `ALTER ROLE "other" WITH LOGIN`, `alter role "any" with login`} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "only the statement") {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
	if _, err := Parse(prefix + "login other"); err == nil || !strings.Contains(err.Error(), `"other" is not understood`) {
		t.Errorf("the error is %v", err)
	}
}

func TestAPartIsEitherTheStatementOrAnOption(t *testing.T) {
	parsed, err := Parse(prefix + "connection limit 5")
	if err != nil {
		t.Fatal(err)
	}
	statement := parsed.GetStmts()[0].GetStmt()
	option := statement.GetAlterRoleStmt().GetOptions()[0]
	if statement.GetDefElem() != nil || option.GetAlterRoleStmt() != nil {
		t.Error("a part is both")
	}
	if got := option.GetDefElem().GetDefname(); got != "connectionlimit" {
		t.Errorf("the option is called %q", got)
	}
}
