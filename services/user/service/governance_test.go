package service

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/client"
	"blogplatform.io/operator/services/user/internal/store"
)

func (w *world) changeRole(t *testing.T, admin person, id int64, role client.Role) error {
	t.Helper()
	answer, err := w.client.SetRoleWithResponse(t.Context(), id, client.RoleChange{Role: role, Reason: new("because")}, admin.as)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	return err
}

// twoAdmins returns Amara, and Nuwan who was made Admin by her.
func (w *world) twoAdmins(t *testing.T) (first, second person) {
	t.Helper()
	first, second = w.someone(t, "amara"), w.someone(t, "nuwan")
	if err := w.changeRole(t, first, second.id, client.Admin); err != nil {
		t.Fatal(err)
	}
	return first, second
}

func TestAnAdminChangesRolesAndItIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	admin, reader := w.someone(t, "amara"), w.someone(t, "nuwan")
	if err := w.changeRole(t, admin, reader.id, client.Editor); err != nil {
		t.Fatal(err)
	}
	if got, err := w.exchange(t, reader.session); err != nil || got.Role != client.Editor {
		t.Errorf("the next exchange gives %s, %v", got.Role, err)
	}
	answer, err := w.client.ListAuditWithResponse(t.Context(), &client.ListAuditParams{Person: &reader.id}, admin.as)
	if err != nil || answer.JSON200 == nil {
		t.Fatalf("%s %v", answer.Body, err)
	}
	entry := answer.JSON200.Entries[0]
	if *entry.Actor != admin.id || *entry.Person != reader.id || entry.Action != "role changed" || *entry.Detail != "Reader to Editor: because" {
		t.Errorf("the audit log says %+v", entry)
	}
}

func TestEveryActOfAnAdminIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	admin, other := w.someone(t, "amara"), w.someone(t, "nuwan")
	did := func(response *http.Response, err error) {
		t.Helper()
		if got := code(response, err); got/100 != 2 {
			t.Fatalf("answered %d, %v", got, err)
		}
	}
	did(w.client.SetRole(t.Context(), other.id, client.RoleChange{Role: client.Editor}, admin.as))
	did(w.client.LockAccount(t.Context(), other.id, client.Lock{Reason: "spam"}, admin.as))
	// What is so already is no act.
	did(w.client.LockAccount(t.Context(), other.id, client.Lock{Reason: "spam again"}, admin.as))
	did(w.client.SetRole(t.Context(), other.id, client.RoleChange{Role: client.Editor}, admin.as))
	did(w.client.RetryLock(t.Context(), other.id, admin.as))
	did(w.client.UnlockAccount(t.Context(), other.id, admin.as))
	did(w.client.EndSessions(t.Context(), other.id, admin.as))
	did(w.client.EraseAccount(t.Context(), other.id, admin.as))
	answer, err := w.client.ListAuditWithResponse(t.Context(), &client.ListAuditParams{Person: &other.id}, admin.as)
	if err != nil || answer.JSON200 == nil {
		t.Fatalf("%s %v", answer.Body, err)
	}
	var got []string
	for _, entry := range slices.Backward(answer.JSON200.Entries) {
		if entry.Actor == nil || *entry.Actor != admin.id {
			t.Errorf("%+v names another", entry)
		}
		detail := ""
		if entry.Detail != nil {
			detail = ": " + *entry.Detail
		}
		got = append(got, entry.Action+detail)
	}
	want := []string{"role changed: Reader to Editor", "locked: spam", "told the provider again", "unlocked", "signed out everywhere", "erased"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoIsRefusedChangesAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	admin, other := w.someone(t, "amara"), w.someone(t, "nuwan")
	before := scan[int](t, w, `SELECT count(*) FROM "user".audit`)
	for _, by := range []person{other, admin} {
		if _, err := w.lock(t, by, admin.id); status(err) != 403 {
			t.Errorf("a lock: %v", err)
		}
		if err := w.changeRole(t, by, admin.id, client.Reader); status(err) != 403 {
			t.Errorf("a role: %v", err)
		}
	}
	if after := scan[int](t, w, `SELECT count(*) FROM "user".audit`); after != before {
		t.Errorf("%d entries more", after-before)
	}
	if got := w.account(t, admin, admin.id); got.Role != client.Admin || got.Locked || got.Sessions != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestADemotionBitesWhateverTheTokenSays(t *testing.T) {
	w := newWorld(t)
	first, second := w.twoAdmins(t)
	if err := w.changeRole(t, first, second.id, client.Editor); err != nil {
		t.Fatal(err)
	}
	// second.as still is a token of an Admin.
	if err := w.changeRole(t, second, first.id, client.Reader); status(err) != 403 {
		t.Errorf("got %v", err)
	}
}

func TestNobodyGovernsThemselvesAndOneAdminStays(t *testing.T) {
	w := newWorld(t)
	admin := w.someone(t, "amara")
	if err := w.changeRole(t, admin, admin.id, client.Reader); status(err) != 403 {
		t.Errorf("demoting oneself: %v", err)
	}
	if _, err := w.lock(t, admin, admin.id); status(err) != 403 {
		t.Errorf("locking oneself: %v", err)
	}
	erased, err := w.client.EraseMeWithResponse(t.Context(), admin.as)
	if err != nil || erased.StatusCode() != 409 {
		t.Errorf("the last Admin leaves: %d %v", erased.StatusCode(), err)
	}
	if got := w.account(t, admin, admin.id); got.Role != client.Admin || got.Locked {
		t.Errorf("got %+v", got)
	}
}

func TestTwoAdminsWhoDemoteLockOrEraseEachOtherLeaveOne(t *testing.T) {
	w := newWorld(t)
	for name, act := range map[string]func(by, on person) int{
		"demote": func(by, on person) int {
			answer, err := w.client.SetRole(t.Context(), on.id, client.RoleChange{Role: client.Reader}, by.as)
			return code(answer, err)
		},
		"lock": func(by, on person) int {
			answer, err := w.client.LockAccount(t.Context(), on.id, client.Lock{Reason: "x"}, by.as)
			return code(answer, err)
		},
		"erase": func(by, on person) int {
			answer, err := w.client.EraseAccount(t.Context(), on.id, by.as)
			return code(answer, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				w.exec(t, `DELETE FROM "user".people`)
				w.exec(t, `DELETE FROM "user".erased`)
				w.exec(t, `DELETE FROM "user".bootstraps`)
				first, second := w.twoAdmins(t)
				var codes [2]int
				var both sync.WaitGroup
				both.Go(func() { codes[0] = act(first, second) })
				both.Go(func() { codes[1] = act(second, first) })
				both.Wait()
				slices.Sort(codes[:])
				if codes[0]/100 != 2 || codes[1]/100 != 4 {
					t.Errorf("answered %v", codes)
				}
				if left := scan[int](t, w, `SELECT count(*) FROM "user".people WHERE role = 'Admin' AND NOT locked_here`); left != 1 {
					t.Errorf("%d Admins are left", left)
				}
			}
		})
	}
}

func code(answer *http.Response, err error) int {
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestAnAdminFindsPeople(t *testing.T) {
	w := newWorld(t)
	admin, _, _ := w.someone(t, "amara"), w.someone(t, "nuwan"), w.someone(t, "priya")
	w.exec(t, `UPDATE "user".people SET display_name = '100%_sure\' WHERE subject = $1`, priya)
	w.exec(t, `UPDATE "user".people SET locked_here = true WHERE subject = $1`, priya)
	for name, c := range map[string]struct {
		params client.ListPeopleParams
		want   []string
	}{
		"all":                {client.ListPeopleParams{}, []string{amara, nuwan, priya}},
		"by name":            {client.ListPeopleParams{Search: new("PERERA")}, []string{nuwan}},
		"by address":         {client.ListPeopleParams{Search: new("amara@")}, []string{amara}},
		"by what LIKE takes": {client.ListPeopleParams{Search: new(`%_sure\`)}, []string{priya}},
		"not by wildcards":   {client.ListPeopleParams{Search: new(`a%a`)}, nil},
		"by role":            {client.ListPeopleParams{Role: new(client.Admin)}, []string{amara}},
		"by lock":            {client.ListPeopleParams{Locked: new(true)}, []string{priya}},
		"with quotes of SQL": {client.ListPeopleParams{Search: new(`' OR '1'='1`)}, nil},
		"the first page":     {client.ListPeopleParams{Limit: new(2)}, []string{amara, nuwan}},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := w.client.ListPeopleWithResponse(t.Context(), &c.params, admin.as)
			if err != nil || answer.JSON200 == nil {
				t.Fatalf("%s %v", answer.Body, err)
			}
			var got []string
			for _, account := range answer.JSON200.People {
				got = append(got, scan[string](t, w, `SELECT subject FROM "user".people WHERE id = $1`, account.ID))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if (answer.JSON200.Next != nil) != (c.params.Limit != nil) {
				t.Errorf("next is %v", answer.JSON200.Next)
			}
		})
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	w := newWorld(t)
	admin, reader := w.someone(t, "amara"), w.someone(t, "nuwan")
	for range 2 {
		if err := w.changeRole(t, admin, reader.id, client.Editor); err != nil {
			t.Fatal(err)
		}
		if err := w.changeRole(t, admin, reader.id, client.Reader); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[int64]bool{}
	params := client.ListAuditParams{Limit: new(2)}
	for {
		answer, err := w.client.ListAuditWithResponse(t.Context(), &params, admin.as)
		if err != nil || answer.JSON200 == nil {
			t.Fatalf("%s %v", answer.Body, err)
		}
		for _, entry := range answer.JSON200.Entries {
			if seen[entry.ID] {
				t.Errorf("entry %d comes twice", entry.ID)
			}
			seen[entry.ID] = true
		}
		if answer.JSON200.Next == nil {
			break
		}
		params.Before = answer.JSON200.Next
	}
	if len(seen) != 5 {
		t.Errorf("%d entries", len(seen))
	}
}

func TestAPersonMindsTheirOwnAccount(t *testing.T) {
	w := newWorld(t)
	me, other := w.someone(t, "nuwan"), w.someone(t, "priya")
	changed, err := w.client.UpdateMeWithResponse(t.Context(), client.MeChange{DisplayName: "Nuwan ක"}, me.as)
	if err != nil || changed.JSON200 == nil || changed.JSON200.DisplayName != "Nuwan ක" {
		t.Fatalf("%s %v", changed.Body, err)
	}
	w.signIn(t, "nuwan")
	if name := scan[string](t, w, `SELECT display_name FROM "user".people WHERE id = $1`, me.id); name != "Nuwan ක" {
		t.Errorf("a sign-in changed the name to %q", name)
	}
	listed, err := w.client.ListMySessionsWithResponse(t.Context(), me.as)
	if err != nil || listed.JSON200 == nil || len(listed.JSON200.Sessions) != 2 {
		t.Fatalf("%s %v", listed.Body, err)
	}
	others := scan[int64](t, w, `SELECT id FROM "user".sessions WHERE person_id = $1`, other.id)
	for session, want := range map[int64]int{others: 404, listed.JSON200.Sessions[0].ID: 204} {
		answer, err := w.client.EndMySessionWithResponse(t.Context(), session, me.as)
		if err != nil || answer.StatusCode() != want {
			t.Errorf("ending session %d answered %d instead of %d: %v", session, answer.StatusCode(), want, err)
		}
	}
	if _, err := w.exchange(t, me.session); status(err) != 401 {
		t.Errorf("the ended session: %v", err)
	}
	if got := w.export(t, me); got.Subject != nuwan || got.Profile.Email != "nuwan@example.com" || len(got.Sessions) != 1 || got.Audit == nil {
		t.Errorf("the export: %+v", got)
	}
}

func TestOnePersonCannotAskForTooMuch(t *testing.T) {
	w := newWorld(t)
	me, other := w.someone(t, "nuwan"), w.someone(t, "priya")
	for range exports.Uses {
		w.export(t, me)
	}
	answer, err := w.client.ExportMeWithResponse(t.Context(), me.as)
	if err != nil || answer.StatusCode() != 429 || answer.HTTPResponse.Header.Get("Retry-After") == "" {
		t.Errorf("the next export: %d %v", answer.StatusCode(), err)
	}
	w.export(t, other)
	rename := func(by person) int {
		response, err := w.client.UpdateMe(t.Context(), client.MeChange{DisplayName: "Somebody"}, by.as)
		return code(response, err)
	}
	for range renames.Uses {
		if got := rename(me); got != 200 {
			t.Fatalf("a change within the limit: %d", got)
		}
	}
	if got := rename(me); got != 429 {
		t.Errorf("one change more: %d", got)
	}
	if got := rename(other); got != 200 {
		t.Errorf("somebody else's: %d", got)
	}
}

// export is all that the blog holds of a person, as they get it.
func (w *world) export(t *testing.T, p person) *client.Export {
	t.Helper()
	answer, err := w.client.ExportMeWithResponse(t.Context(), p.as)
	if err != nil || answer.JSON200 == nil {
		t.Fatalf("%s %v", answer.Body, err)
	}
	return answer.JSON200
}

func TestNobodyTakesTheNameOfWhoSpeaksForTheBlog(t *testing.T) {
	w := newWorld(t)
	admin, me := w.someone(t, "amara"), w.someone(t, "nuwan")
	rename := func(by person, name string) *client.UpdateMeResponse {
		t.Helper()
		answer, err := w.client.UpdateMeWithResponse(t.Context(), client.MeChange{DisplayName: name}, by.as)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for _, name := range []string{"Amara Silva", "аmara silvа", "Amara  Sílva", "Administrator"} {
		if answer := rename(me, name); answer.StatusCode() != 400 || !strings.Contains(string(answer.Body), "looks like the name of somebody") {
			t.Errorf("%s: %d %s", name, answer.StatusCode(), answer.Body)
		}
	}
	if answer := rename(me, "ප්\u200dරියංකා"); answer.JSON200 == nil || answer.JSON200.DisplayName != "ප්\u200dරියංකා" {
		t.Errorf("%s", answer.Body)
	}
	// One's own name is no other's, and to save it again is no change.
	for range 2 {
		if answer := rename(admin, "Amara S."); answer.JSON200 == nil {
			t.Errorf("%s", answer.Body)
		}
	}
	log, err := w.client.ListAuditWithResponse(t.Context(), &client.ListAuditParams{}, admin.as)
	if err != nil || log.JSON200 == nil {
		t.Fatalf("%s %v", log.Body, err)
	}
	var renamed []string
	for _, entry := range log.JSON200.Entries {
		if entry.Action == "renamed" {
			renamed = append(renamed, *entry.Detail)
		}
	}
	if diff := cmp.Diff([]string{"Amara Silva -> Amara S.", "Nuwan Perera -> ප්\u200dරියංකා"}, renamed); diff != "" {
		t.Error(diff)
	}
}

func TestNamesAreLookedUpTogether(t *testing.T) {
	w := newWorld(t)
	admin, me := w.someone(t, "amara"), w.someone(t, "nuwan")
	answer, err := w.client.LookUpPeopleWithResponse(t.Context(), &client.LookUpPeopleParams{Ids: []int64{me.id, admin.id, 999999, me.id}})
	if err != nil || answer.JSON200 == nil {
		t.Fatalf("%s %v", answer.Body, err)
	}
	want := []client.Named{{ID: admin.id, DisplayName: "Amara Silva", Staff: true}, {ID: me.id, DisplayName: "Nuwan Perera"}}
	if diff := cmp.Diff(want, answer.JSON200.People); diff != "" {
		t.Error(diff)
	}
}

func TestPublicProfilesHoldTheNameOnly(t *testing.T) {
	w := newWorld(t)
	me := w.someone(t, "nuwan")
	answer, err := w.client.GetPersonWithResponse(t.Context(), me.id)
	if err != nil || answer.JSON200 == nil || answer.JSON200.DisplayName != "Nuwan Perera" {
		t.Fatalf("%s %v", answer.Body, err)
	}
	if len(answer.Body) > len(`{"displayName":"Nuwan Perera","id":1000000}`)+1 {
		t.Errorf("it tells more: %s", answer.Body)
	}
}

func TestAnErasedPersonIsGoneAndALockOutlivesThem(t *testing.T) {
	w := newWorld(t)
	admin, me, locked := w.someone(t, "amara"), w.someone(t, "nuwan"), w.someone(t, "priya")
	answer, err := w.client.EraseMeWithResponse(t.Context(), me.as)
	if err != nil || answer.StatusCode() != 204 {
		t.Fatalf("%s %v", answer.Body, err)
	}
	if _, err := w.exchange(t, me.session); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	if gone, err := w.client.GetMeWithResponse(t.Context(), me.as); err != nil || gone.StatusCode() != 401 {
		t.Errorf("the token: %d %v", gone.StatusCode(), err)
	}
	if left := scan[bool](t, w, `SELECT EXISTS (SELECT FROM "user".people WHERE subject = $1)
		OR EXISTS (SELECT FROM "user".audit WHERE detail LIKE '%uwan%')`, nuwan); left {
		t.Error("something is left")
	}
	if again := w.someone(t, "nuwan"); again.id == me.id {
		t.Error("an id was given twice")
	}

	if _, err := w.lock(t, admin, locked.id); err != nil {
		t.Fatal(err)
	}
	erased, err := w.client.EraseAccountWithResponse(t.Context(), locked.id, admin.as)
	if err != nil || erased.StatusCode() != 204 {
		t.Fatalf("%s %v", erased.Body, err)
	}
	if _, err := w.trySignIn(t, "priya"); status(err) != 403 {
		t.Errorf("who was locked when erased signs in again: %v", err)
	}
}

func TestAPersonCanBeMovedToAnotherIdentity(t *testing.T) {
	w := newWorld(t)
	admin, before := w.someone(t, "amara"), w.someone(t, "nuwan")
	if _, err := w.lock(t, admin, before.id); err != nil {
		t.Fatal(err)
	}
	move := func(person int64, subject string) error {
		return w.store.Move(t.Context(), person, w.idp.Issuer(), subject)
	}
	if err := move(before.id, amara); !errors.Is(err, store.ErrTaken) {
		t.Errorf("to somebody else's: %v", err)
	}
	if err := move(before.id+1000, priya); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if err := move(before.id, priya); err != nil {
		t.Fatal(err)
	}
	if _, err := w.exchange(t, before.session); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	if _, err := w.trySignIn(t, "priya"); status(err) != 403 {
		t.Errorf("who was locked signs in with another identity: %v", err)
	}
	w.work(t)
	w.becomes(t, admin, before.id, "locked there", synced(client.Confirmed))
	if !w.idp.Locked(priya) {
		t.Error("the new identity is not locked at the provider")
	}
	w.unlock(t, admin, before.id)
	w.becomes(t, admin, before.id, "unlocked there", func(a client.Account) bool { return !a.Locked })
	if after := w.someone(t, "priya"); after.id != before.id {
		t.Errorf("signed in as %d instead of %d", after.id, before.id)
	}
	if entries := scan[int](t, w, `SELECT count(*) FROM "user".audit WHERE action LIKE 'moved%' AND person_id = $1`, before.id); entries != 1 {
		t.Errorf("%d entries in the audit log", entries)
	}
}

func TestACommandMovesAPerson(t *testing.T) {
	w := newWorld(t)
	before := w.someone(t, "nuwan")
	run := func(args ...string) error {
		return move().Run(t.Context(), command.Identity{Service: "user"}, args)
	}
	for _, args := range [][]string{nil, {"--person=1"}, {"--person=-1", "--issuer=https://id.example.com", "--subject=x"}, {"--nobody"}} {
		if err := run(args...); !errors.Is(err, command.ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	issuer, subject := "--issuer="+w.idp.Issuer(), "--subject="+priya
	if err := run("--person=1000", issuer, subject); err == nil || !strings.Contains(err.Error(), "no such person") {
		t.Errorf("nobody: %v", err)
	}
	if err := run(fmt.Sprintf("--person=%d", before.id), issuer, subject); err != nil {
		t.Fatal(err)
	}
	if after := w.someone(t, "priya"); after.id != before.id {
		t.Errorf("signed in as %d instead of %d", after.id, before.id)
	}
}

// Life of the keys, by the database's clock: what is moved into the past has aged.
func TestKeysArePublishedBeforeTheySignAndDeletedAfter(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	rotate := func() {
		t.Helper()
		if err := w.store.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	published := func() int {
		t.Helper()
		set, err := w.store.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(set.Keys)
	}
	signer := func() string {
		t.Helper()
		signed, err := w.store.Exchange(t.Context(), session.Token)
		if err != nil || signed.Key == nil {
			t.Fatalf("no key signs: %v", err)
		}
		return signed.Key.ID
	}
	age := func(by string) {
		t.Helper()
		w.exec(t, `UPDATE "user".signing_keys SET signs_from = signs_from - $1::interval`, by)
	}

	rotate()
	first := signer()
	for _, step := range []struct {
		after     string
		published int
		first     bool
	}{
		{"0", 1, true},
		{"23 hours 49 minutes", 1, true},
		{"1 minute", 2, true}, // ten minutes before the day is over
		{"9 minutes", 2, true},
		{"1 minute", 2, false},
		{"4 minutes", 2, false},
		{"1 minute", 1, false},
	} {
		age(step.after)
		rotate()
		rotate()
		if got := published(); got != step.published {
			t.Errorf("%s later %d keys are published instead of %d", step.after, got, step.published)
		}
		if got := signer() == first; got != step.first {
			t.Errorf("%s later the first key signs: %t", step.after, got)
		}
	}
	age("72 hours")
	if signer() == "" {
		t.Error("after three days without the service nothing signs")
	}
}

func TestReplicasMakeTheFirstKeyOnce(t *testing.T) {
	w := newWorld(t)
	w.exec(t, `DELETE FROM "user".signing_keys`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := w.store.RotateKeys(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if keys := scan[int](t, w, `SELECT count(*) FROM "user".signing_keys`); keys != 1 {
		t.Errorf("%d keys", keys)
	}
}

func TestATokenForErasureIsGoodForNothingHere(t *testing.T) {
	w := newWorld(t)
	me := w.someone(t, "nuwan")
	signed, err := w.store.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.Key.Sign(tokenIssuer, token.User, token.Claims{Person: me.id, Purpose: token.Erasure}, signed.Now)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := w.client.GetMeWithResponse(t.Context(), bearer(raw)); err != nil || answer.StatusCode() != 403 {
		t.Errorf("got %d %v", answer.StatusCode(), err)
	}
}
