package promote

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the cases below are about rules of today's zones, wherever the test runs

	"blogplatform.io/operator/api/v1alpha1"
)

var everyDay = []v1alpha1.Day{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestAWindowFollowsTheClocksOfItsTimeZone: all times are UTC, in which clocks never change.
func TestAWindowFollowsTheClocksOfItsTimeZone(t *testing.T) {
	window := func(zone, start string, minutes int32, days ...v1alpha1.Day) v1alpha1.PromotionWindow {
		if len(days) == 0 {
			days = everyDay
		}
		return v1alpha1.PromotionWindow{Days: days, Start: start, DurationMinutes: minutes, Timezone: zone}
	}
	for name, c := range map[string]struct {
		window v1alpha1.PromotionWindow
		now    string
		// next is empty if the window is open.
		next string
	}{
		"in winter":                               {window("Europe/Berlin", "09:00", 60), "2026-01-15 08:00", ""},
		"the same hour in summer":                 {window("Europe/Berlin", "09:00", 60), "2026-07-15 08:00", "2026-07-16 07:00"},
		"a minute before":                         {window("Europe/Berlin", "09:00", 60), "2026-01-15 07:59", "2026-01-15 08:00"},
		"the minute in which it ends":             {window("Europe/Berlin", "09:00", 60), "2026-01-15 09:00", "2026-01-16 08:00"},
		"without a zone":                          {window("", "09:00", 60), "2026-01-15 09:59", ""},
		"an odd offset":                           {window("Asia/Colombo", "09:00", 420), "2026-03-04 03:30", ""},
		"past midnight":                           {window("", "23:00", 120, "Tue"), "2026-03-04 00:59", ""},
		"past midnight, the day after":            {window("", "23:00", 120, "Wed"), "2026-03-04 00:59", "2026-03-04 23:00"},
		"its day has begun there, not here":       {window("Pacific/Auckland", "00:00", 60, "Thu"), "2026-03-04 11:30", ""},
		"a whole day":                             {window("", "12:00", 1440, "Tue"), "2026-03-04 11:59", ""},
		"once a week, just missed":                {window("", "09:00", 60, "Wed"), "2026-03-04 10:00", "2026-03-11 09:00"},
		"the first opening after the switch":      {window("America/New_York", "09:00", 60), "2026-03-07 15:30", "2026-03-08 13:00"},
		"a skipped hour: closed before it":        {window("America/New_York", "02:30", 60), "2026-03-08 06:59", "2026-03-08 07:00"},
		"a skipped hour: opens when clocks go on": {window("America/New_York", "02:30", 60), "2026-03-08 07:00", ""},
		"a skipped hour: lasts as long as ever":   {window("America/New_York", "02:30", 60), "2026-03-08 08:00", "2026-03-09 06:30"},
		"a skipped midnight":                      {window("America/Santiago", "00:30", 30, "Sun"), "2026-09-06 03:59", "2026-09-06 04:00"},
		"an hour shown twice: the first time":     {window("America/New_York", "01:30", 30), "2026-11-01 05:30", ""},
		"an hour shown twice: not again":          {window("America/New_York", "01:30", 30), "2026-11-01 06:30", "2026-11-02 06:30"},
		"an hour shown twice: east of Greenwich":  {window("Europe/Berlin", "02:30", 30), "2026-10-25 00:30", ""},
		"east of Greenwich: not again":            {window("Europe/Berlin", "02:30", 30), "2026-10-25 01:30", "2026-10-26 01:30"},
		"a day of 25 hours":                       {window("America/New_York", "00:00", 1440, "Sun"), "2026-11-02 03:59", ""},
		"a day of 25 hours ends after 24":         {window("America/New_York", "00:00", 1440, "Sun"), "2026-11-02 04:00", "2026-11-08 05:00"},
		"a day that the island skipped":           {window("Pacific/Apia", "09:00", 60, "Fri"), "2011-12-29 20:00", "2012-01-05 19:00"},
	} {
		t.Run(name, func(t *testing.T) {
			open, next, err := opening([]v1alpha1.PromotionWindow{c.window}, utc(t, c.now))
			if err != nil || open != (c.next == "") {
				t.Fatalf("open: %v, %v", open, err)
			}
			if c.next != "" && !next.Equal(utc(t, c.next)) {
				t.Errorf("it opens at %s, want %s", next.UTC().Format("2006-01-02 15:04"), c.next)
			}
		})
	}
}

// TestAWindowIsOpenWhenClocksSaySo compares windows at random with the plain
// meaning of their words, minute by minute: it is open if the clocks showed its
// start on one of its days within its length.
func TestAWindowIsOpenWhenClocksSaySo(t *testing.T) {
	begins := []time.Time{utc(t, "2026-03-07 00:00"), utc(t, "2026-03-28 00:00"), utc(t, "2026-04-04 00:00"), utc(t, "2026-09-05 00:00"), utc(t, "2026-10-03 00:00"), utc(t, "2026-10-24 00:00"), utc(t, "2026-10-31 00:00"), utc(t, "2026-06-01 00:00")}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		window := randomWindow(random)
		watch(t, window, begins[random.IntN(len(begins))])
	}
}

func randomWindow(random *rand.Rand) v1alpha1.PromotionWindow {
	zones := []string{"", "Europe/Berlin", "America/New_York", "Asia/Colombo", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia"}
	window := v1alpha1.PromotionWindow{Timezone: zones[random.IntN(len(zones))], DurationMinutes: 1 + random.Int32N(600)}
	window.Days = slices.DeleteFunc(slices.Clone(everyDay), func(v1alpha1.Day) bool { return random.IntN(2) == 0 })
	if len(window.Days) == 0 {
		window.Days = everyDay
	}
	window.Start = time.Date(2000, 1, 1, random.IntN(5), random.IntN(60), 0, 0, time.UTC).Format("15:04")
	return window
}

// watch looks at a window for three days, and at the clocks for one day longer,
// so that it knows what is open when it begins.
func watch(t *testing.T, window v1alpha1.PromotionWindow, begin time.Time) {
	t.Helper()
	zone, err := time.LoadLocation(window.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	shown, left, promised := map[string]bool{}, 0, time.Time{}
	for minute := -24 * 60; minute < 3*24*60; minute++ {
		now := begin.Add(time.Duration(minute) * time.Minute)
		if startsNow(window, now.In(zone), shown) {
			left = int(window.DurationMinutes)
		}
		want := left > 0
		left--
		if minute < 0 {
			continue
		}
		open, next, err := opening([]v1alpha1.PromotionWindow{window}, now)
		if err != nil || open != want {
			t.Fatalf("%+v at %s is open: %v, want %v (%v)", window, now.In(zone), open, want, err)
		}
		if !next.After(now) || next.Sub(now) > 8*24*time.Hour {
			t.Fatalf("%+v at %s opens next at %s", window, now, next)
		}
		if open && !promised.IsZero() && !promised.Equal(now) {
			t.Fatalf("%+v opens at %s, and was to open at %s", window, now, promised)
		}
		if promised = next; open {
			promised = time.Time{}
		}
	}
}

// startsNow tells whether clocks show the start of a window, or have just
// skipped it, for the first time on a day of it.
func startsNow(window v1alpha1.PromotionWindow, now time.Time, shown map[string]bool) bool {
	day, clock := now.Format(time.DateOnly), now.Format("15:04")
	if shown[day] || !slices.Contains(window.Days, v1alpha1.Day(now.Format("Mon"))) {
		return false
	}
	before := now.Add(-time.Minute)
	skipped := clock > window.Start && (before.Format(time.DateOnly) != day || before.Format("15:04") < window.Start)
	shown[day] = clock == window.Start || skipped
	return shown[day]
}

func TestWithoutWindowsItIsAlwaysOpen(t *testing.T) {
	if open, next, err := opening(nil, time.Unix(0, 0)); !open || !next.IsZero() || err != nil {
		t.Errorf("%v, %v, %v", open, next, err)
	}
}
