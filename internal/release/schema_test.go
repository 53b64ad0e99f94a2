package release

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// userHas is a database of whose user schema a migration has reported a contract version.
func userHas(contract int64) []v1alpha1.SchemaStatus {
	return []v1alpha1.SchemaStatus{{Service: "content", Contract: 9}, {Service: "user", Contract: contract}}
}

// TestTheDatabaseDecidesHowFarBackTheWayIs: the history tells what was done to a
// database, and a restore undoes it.
func TestTheDatabaseDecidesHowFarBackTheWayIs(t *testing.T) {
	const good = v1alpha1.OutcomeSucceeded
	after := func(migration string) []v1alpha1.ReleaseRecord {
		return []v1alpha1.ReleaseRecord{ran("v3", good, migration), ran("v2", good), ran("v1", good)}
	}
	for name, c := range map[string]struct {
		history []v1alpha1.ReleaseRecord
		schemas []v1alpha1.SchemaStatus
		safe    bool
	}{
		"nobody has asked the database":                    {after("user contract 1 -> 2"), nil, false},
		"it has what the migration did":                    {after("user contract 1 -> 2"), userHas(2), false},
		"it has more":                                      {after("user contract 1 -> 2"), userHas(3), false},
		"it has a part of what the migration did":          {after("user contract 1 -> 3"), userHas(2), false},
		"it was restored to before":                        {after("user contract 1 -> 2"), userHas(1), true},
		"it was restored to long before":                   {after("user contract 11 -> 12"), userHas(9), true},
		"another schema was asked":                         {after("comment contract 1 -> 2"), userHas(1), false},
		"the migration began and changed nothing":          {after("user contract 1 -> begun"), userHas(1), true},
		"the migration began and changed something":        {after("user contract 1 -> begun"), userHas(2), false},
		"it began from nobody knows where":                 {after("user contract begun"), userHas(1), false},
		"it began from nobody knows where, and never was":  {after("user contract begun"), userHas(0), true},
		"what it did is not known, and it has contracted":  {after("user contract unknown"), userHas(1), false},
		"what it did is not known, and nothing was":        {after("user contract unknown"), userHas(0), true},
		"one of two migrations was undone, the other not":  {append([]v1alpha1.ReleaseRecord{ran("v4", good, "user contract 2 -> 3", "content contract 8 -> 9")}, after("user contract 1 -> 2")...), userHas(2), false},
		"both migrations were undone by the same restore ": {append([]v1alpha1.ReleaseRecord{ran("v4", good, "user contract 2 -> 3")}, after("user contract 1 -> 2")...), userHas(1), true},
	} {
		_, err := Rollback(c.history, c.schemas, "v1")
		if (err == nil) != c.safe {
			t.Errorf("%s: the way to v1: %v, want safe %v", name, err, c.safe)
		}
		if unsafe := Unsafe(c.history, c.schemas, "v1", ""); (unsafe == nil) != c.safe {
			t.Errorf("%s: the operator says %v, the plugin %v", name, unsafe, err)
		}
	}
}

// TestTheRefusalNamesTheNewestReleaseThatTheDatabaseStillServes.
func TestTheRefusalNamesTheNewestReleaseThatTheDatabaseStillServes(t *testing.T) {
	const good = v1alpha1.OutcomeSucceeded
	history := []v1alpha1.ReleaseRecord{
		ran("v4", good, "user contract 2 -> 3"), ran("v3", good, "user contract 1 -> 2"), ran("v2", good, "user contract 0 -> 1"), ran("v1", good), ran("v0", good),
	}
	for contract, want := range map[int64]string{3: "to go back to is v3", 2: "to go back to is v3", 1: "to go back to is v3"} {
		if _, err := Rollback(history, userHas(contract), "v0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with contract %d: %v does not say %q", contract, err, want)
		}
	}
	for contract, safe := range map[int64]string{3: "v3", 2: "v2", 1: "v1", 0: "v0"} {
		if _, err := Rollback(history, userHas(contract), safe); err != nil {
			t.Errorf("with contract %d: %v", contract, err)
		}
	}
}

// TestASchemaIsUnknownFromBeforeItsContractBegins until somebody has asked again.
func TestASchemaIsUnknownFromBeforeItsContractBegins(t *testing.T) {
	history := BeginContract([]v1alpha1.ReleaseRecord{ran("v2", v1alpha1.OutcomeInProgress), ran("v1", v1alpha1.OutcomeSucceeded)}, userHas(1), naming.User, naming.Comment)
	if diff := cmp.Diff([]string{"user contract 1 -> begun", "comment contract begun"}, history[0].Migrations); diff != "" {
		t.Error(diff)
	}
	before := userHas(1)
	unknown := Unreported(before, naming.User, naming.Comment)
	if diff := cmp.Diff([]v1alpha1.SchemaStatus{{Service: "content", Contract: 9}}, unknown); diff != "" {
		t.Error(diff)
	}
	// Another attempt begins, whose beginning nobody has seen.
	history = BeginContract(history, unknown, naming.User)
	// The Job is done, and its pod is gone before it was read: what it did is asked for later.
	history = Migrated(history, naming.User, naming.PhaseContract, "")
	if diff := cmp.Diff([]string{"user contract 1 -> begun", "comment contract begun"}, history[0].Migrations); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"comment contract begun", "user contract 1 -> 2"}, Migrated(history, naming.User, naming.PhaseContract, "1 -> 2")[0].Migrations); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(userHas(2), Reported(Reported(unknown, naming.User, 1), naming.User, 2)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(userHas(1), before); diff != "" {
		t.Errorf("the argument was modified: %s", diff)
	}
}
