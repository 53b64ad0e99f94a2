package promote

import (
	"fmt"
	"slices"
	"time"

	"blogplatform.io/operator/api/v1alpha1"
)

// The openings of a window are looked at from the day before yesterday on, since
// it may last a day and a day may have 25 hours, until it must have come again:
// a week later, or another one if its time zone skips that day.
const (
	daysBack  = -2
	daysAhead = 15
)

// opening tells whether one of the windows is open and, if none is, when the
// next one opens. Without windows it is open always. The error names a time zone
// that does not exist.
func opening(windows []v1alpha1.PromotionWindow, now time.Time) (open bool, next time.Time, err error) {
	open = len(windows) == 0
	for _, window := range windows {
		zone, err := time.LoadLocation(window.Timezone) // without a name it is UTC
		if err != nil {
			return false, time.Time{}, fmt.Errorf("there is no time zone %s", window.Timezone)
		}
		for _, start := range starts(window, now.In(zone)) {
			switch end := start.Add(time.Duration(window.DurationMinutes) * time.Minute); {
			case start.After(now):
				if next.IsZero() || start.Before(next) {
					next = start
				}
			case now.Before(end):
				open = true
			}
		}
	}
	return open, next, nil
}

// starts are the times around now at which a window opens, in its time zone.
func starts(window v1alpha1.PromotionWindow, now time.Time) []time.Time {
	clock, err := time.Parse("15:04", window.Start)
	if err != nil {
		return nil // the API server refuses it
	}
	var all []time.Time
	for offset := daysBack; offset <= daysAhead; offset++ {
		// Noon is on that day in any time zone that has it.
		day := time.Date(now.Year(), now.Month(), now.Day()+offset, 12, 0, 0, 0, now.Location())
		if !slices.Contains(window.Days, v1alpha1.Day(day.Weekday().String()[:3])) {
			continue
		}
		start := first(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), day.Location())
		if start.Day() == day.Day() {
			all = append(all, start)
		}
	}
	return all
}

// first is when clocks show a time of a day for the first time or, if they skip
// it, when they go on. time.Date leaves open which of the two offsets it takes.
func first(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, hour, minute, 0, 0, zone)
	begin, end := t.ZoneBounds()
	if t.Hour() != hour || t.Minute() != minute {
		shown := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
		if shown.Before(time.Date(year, month, day, hour, minute, 0, 0, time.UTC)) {
			return end
		}
		return begin
	}
	if begin.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, before := begin.Add(-time.Second).Zone()
	if earlier := t.Add(time.Duration(offset-before) * time.Second); earlier.Before(begin) {
		return earlier
	}
	return t
}
