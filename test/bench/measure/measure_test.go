package measure

import (
	"testing"
	"time"
)

func TestPercentilesAreByTheNearestRank(t *testing.T) {
	var durations []time.Duration
	for i := range 200 {
		durations = append(durations, time.Duration(200-i))
	}
	for p, want := range map[float64]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := Percentile(durations, p); got != want {
			t.Errorf("p%v is %v, want %v", p, got, want)
		}
	}
}
