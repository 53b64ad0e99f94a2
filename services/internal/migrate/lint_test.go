package migrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Rules of migrations: while a release goes out its previous version runs on
// the same schema, and one step back is always safe. A table that a migration
// makes itself is not in use by anybody.
var lintRules = []struct {
	phase   string
	pattern *regexp.Regexp
	why     string
}{
	{"expand", regexp.MustCompile(`(?i)\bDROP\s+(TABLE|COLUMN|SCHEMA|INDEX|CONSTRAINT|TYPE|VIEW|FUNCTION|TRIGGER|DEFAULT|NOT\s+NULL)\b`), "the previous release may need it: drop it in contract"},
	{"expand", regexp.MustCompile(`(?i)\bTRUNCATE\b`), "the previous release may need the rows"},
	{"expand", regexp.MustCompile(`(?i)\bRENAME\b`), "the previous release knows the old name: add the new one beside it"},
	{"expand", regexp.MustCompile(`(?i)\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b`), "it rewrites the table under a lock: add a column"},
	{"expand", regexp.MustCompile(`(?i)\bSET\s+NOT\s+NULL\b`), "the previous release may write nulls: do it in contract"},
	{"expand", regexp.MustCompile(`(?i)\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\S+[^,;]*?\bGENERATED\s+ALWAYS\s+AS\s*\(`), "it rewrites the table under a lock: fill a plain column"},
	{"", regexp.MustCompile(`(?i)\bCREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\b`), "it cannot run in goose's transaction: begin the file with -- +goose NO TRANSACTION"},
	{"contract", regexp.MustCompile(`(?i)\bCREATE\s+TABLE\b`), "what a release needs comes with expand"},
}

var (
	addColumn     = regexp.MustCompile(`(?is)\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?(\S+)([^;]*?)(?:,\s*ADD\b|;|$)`)
	addConstraint = regexp.MustCompile(`(?is)\bADD\s+(?:CONSTRAINT\s+\S+\s+)?(?:CHECK|FOREIGN\s+KEY)\b.*?(?:,\s*ADD\b|;|$)`)
	notNull       = regexp.MustCompile(`(?i)\bNOT\s+NULL\b`)
	hasDefault    = regexp.MustCompile(`(?i)\bDEFAULT\b`)
	references    = regexp.MustCompile(`(?i)\b(REFERENCES|CHECK)\b`)
	notValid      = regexp.MustCompile(`(?i)\bNOT\s+VALID\b`)
	comments      = regexp.MustCompile(`(?m)--.*$`)
	named         = regexp.MustCompile(`^[0-9]{5}_[a-z0-9_]+\.sql$`)
)

// lint returns what is wrong with a migration.
func lint(phase, name, sql string) []string {
	var wrong []string
	if !named.MatchString(name) {
		wrong = append(wrong, "its name is not five digits and words, such as 00002_write_and_review.sql")
	}
	if !strings.HasPrefix(sql, "-- +goose ") {
		wrong = append(wrong, "it does not begin with -- +goose Up")
	}
	transaction := !strings.Contains(sql, "+goose NO TRANSACTION")
	plain := comments.ReplaceAllString(sql, "")
	for _, rule := range lintRules {
		concurrently := rule.phase == "" && !transaction
		if (rule.phase == phase || rule.phase == "") && !concurrently {
			for _, found := range rule.pattern.FindAllString(plain, -1) {
				wrong = append(wrong, fmt.Sprintf("%q: %s", found, rule.why))
			}
		}
	}
	if phase == "expand" {
		wrong = append(append(wrong, lintColumns(plain)...), lintConstraints(plain)...)
	}
	return wrong
}

// lintColumns looks at columns that are added to tables in use.
func lintColumns(sql string) (wrong []string) {
	// Each search begins where the last column ended, so that all of one statement are seen.
	for at := addColumn.FindStringSubmatchIndex(sql); at != nil; at = addColumn.FindStringSubmatchIndex(sql) {
		name, definition := sql[at[2]:at[3]], sql[at[4]:at[5]]
		if notNull.MatchString(definition) && !hasDefault.MatchString(definition) {
			wrong = append(wrong, name+": NOT NULL without DEFAULT: the previous release does not write it")
		}
		if references.MatchString(definition) {
			wrong = append(wrong, name+": its check reads the whole table under a lock: add it as a constraint that is NOT VALID")
		}
		sql = sql[at[5]:]
	}
	return wrong
}

// lintConstraints looks at constraints that are added to tables in use.
func lintConstraints(sql string) (wrong []string) {
	for at := addConstraint.FindStringIndex(sql); at != nil; at = addConstraint.FindStringIndex(sql) {
		if constraint := sql[at[0]:at[1]]; !notValid.MatchString(constraint) {
			wrong = append(wrong, fmt.Sprintf("%.60q: it reads the whole table under a lock: add it NOT VALID", constraint))
		}
		sql = sql[at[0]+len("ADD "):]
	}
	return wrong
}

func TestEveryMigrationLetsThePreviousReleaseRun(t *testing.T) {
	files, err := filepath.Glob("../../*/service/migrations/*/*.sql")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range lint(filepath.Base(filepath.Dir(file)), filepath.Base(file), string(sql)) {
			t.Errorf("%s: %s", file, wrong)
		}
	}
}

func TestTheRulesFindWhatWouldBreakThePreviousRelease(t *testing.T) {
	cases := map[string]struct {
		phase, sql, want string
	}{
		"a dropped column":           {"expand", "ALTER TABLE posts DROP COLUMN body;", "drop it in contract"},
		"a dropped table":            {"expand", "drop table posts;", "drop it in contract"},
		"a renamed column":           {"expand", "ALTER TABLE posts RENAME COLUMN a TO b;", "add the new one"},
		"a column nobody writes":     {"expand", "ALTER TABLE posts ADD COLUMN a int, ADD COLUMN b text NOT NULL, ADD COLUMN c int;", "b: NOT NULL without DEFAULT"},
		"a last one nobody writes":   {"expand", "ALTER TABLE posts ADD COLUMN a int NOT NULL DEFAULT 1, ADD COLUMN b text NOT NULL;", "b: NOT NULL without DEFAULT"},
		"nulls forbidden":            {"expand", "ALTER TABLE posts ALTER COLUMN a SET NOT NULL;", "do it in contract"},
		"another type":               {"expand", "ALTER TABLE posts ALTER COLUMN a TYPE bigint;", "add a column"},
		"a check of the whole table": {"expand", "ALTER TABLE posts ADD CONSTRAINT c CHECK (a > 0) NOT VALID, ADD CONSTRAINT d CHECK (b > 0);", "NOT VALID"},
		"a key on the whole table":   {"expand", "ALTER TABLE posts ADD COLUMN a int REFERENCES b (id);", "NOT VALID"},
		"a new table in contract":    {"contract", "CREATE TABLE a (b int);", "comes with expand"},
		"an index that cannot be":    {"expand", "CREATE INDEX CONCURRENTLY a ON b (c);", "NO TRANSACTION"},
		"a drop in contract":         {"contract", "ALTER TABLE posts DROP COLUMN body;", ""},
		"a good column":              {"expand", "ALTER TABLE posts ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b int; -- DROP TABLE x", ""},
		"a new table":                {"expand", "CREATE TABLE a (b int NOT NULL REFERENCES c (id), CHECK (b > 0));", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			wrong := strings.Join(lint(c.phase, "00002_x.sql", "-- +goose Up\n"+c.sql), "\n")
			if (c.want == "") != (wrong == "") || !strings.Contains(wrong, c.want) {
				t.Errorf("found %q", wrong)
			}
		})
	}
	if wrong := lint("expand", "2_x.sql", "CREATE TABLE a (b int);"); len(wrong) != 2 {
		t.Errorf("name and beginning: %v", wrong)
	}
}
