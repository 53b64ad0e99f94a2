package timefactor

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestFactorIsANumberAboveZero(t *testing.T) {
	for text, want := range map[string]float64{"": 1, "1": 1, "0.5": 0.5, "2.5": 2.5, "1e1": 10} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestBadFactorIsRefusedByNameAndValue(t *testing.T) {
	for _, text := range []string{"0", "-1", "twice", "NaN", "Inf", "1e999", "2,5", " "} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), Variable) || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("Parse(%q): error is %v, want one with the variable and its value", text, err)
		}
	}
}

func TestLimitsAreMultiplied(t *testing.T) {
	for _, c := range []struct {
		limit  time.Duration
		factor float64
		want   time.Duration
	}{
		{time.Minute, 1, time.Minute},
		{time.Minute, 2.5, 150 * time.Second},
		{time.Second, 0.5, 500 * time.Millisecond},
		{0, 3, 0},
		{math.MaxInt64, 2, math.MaxInt64},
	} {
		if got := scale(c.limit, c.factor); got != c.want {
			t.Errorf("%v times %v is %v, want %v", c.limit, c.factor, got, c.want)
		}
	}
}

// TestMain prints a scaled minute where it is asked to: the environment is read once, so each factor needs a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv(printMinute) != "" {
		fmt.Printf("a minute is %v\n", Scale(time.Minute))
		return
	}
	os.Exit(m.Run())
}

const printMinute = "TIMEFACTOR_PRINT_MINUTE"

func scaledMinute(t *testing.T, factor string) (string, error) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), printMinute+"=1", Variable+"="+factor)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestFactorComesFromTheEnvironment(t *testing.T) {
	for factor, want := range map[string]string{"": "a minute is 1m0s", "3": "a minute is 3m0s"} {
		if output, err := scaledMinute(t, factor); err != nil || !strings.Contains(output, want) {
			t.Errorf("with factor %q: %v, want %q in:\n%s", factor, err, want, output)
		}
	}
}

func TestBadFactorEndsTheProgramAtFirstUse(t *testing.T) {
	output, err := scaledMinute(t, "soon")
	if err == nil || !strings.Contains(output, Variable+` is "soon"`) {
		t.Errorf("ended with %v, want a panic that names the variable and its value:\n%s", err, output)
	}
}
