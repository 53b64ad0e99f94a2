// Package timefactor scales limits of time, so that tests wait longer on a slow or busy machine.
package timefactor

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"
)

// Variable is the environment variable that holds the factor: a decimal number above 0, such as 2.5. Without it the factor is 1.
const Variable = "BLOGPLATFORM_TIME_FACTOR"

// current is the factor of this process. The environment is read once.
var current = sync.OnceValues(func() (float64, error) { return Parse(os.Getenv(Variable)) })

// Scale multiplies a limit of time by the factor that [Variable] holds. A product that no duration can hold becomes the longest duration.
// It panics where the variable holds no factor: a wait that is not the one asked for would hide the mistake.
func Scale(d time.Duration) time.Duration {
	factor, err := current()
	if err != nil {
		panic(err)
	}
	return scale(d, factor)
}

// Parse reads a factor. An empty text is 1. It returns an error, which names [Variable], for what is not a finite number above 0.
func Parse(text string) (float64, error) {
	if text == "" {
		return 1, nil
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor > 0) || math.IsInf(factor, 0) {
		return 0, fmt.Errorf("%s is %q, and must be a number above 0, such as 2.5: limits of time are multiplied by it", Variable, text)
	}
	return factor, nil
}

func scale(d time.Duration, factor float64) time.Duration {
	product := float64(d) * factor
	if product >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(product)
}
