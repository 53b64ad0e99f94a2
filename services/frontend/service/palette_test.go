package service

import (
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// Body text has a contrast of at least 7:1, everything else of 4.5:1 (WCAG 2.2,
// criteria 1.4.3 and 1.4.6), on paper as at night.
func TestColoursCanBeReadInBothThemes(t *testing.T) {
	palette := readPalette(t)
	cases := []struct {
		text, ground string
		least        float64
	}{
		{"ink", "paper", 7}, {"ink", "surface", 7},
		{"muted", "paper", 4.5}, {"muted", "surface", 4.5},
		{"accent", "paper", 4.5}, {"accent", "surface", 4.5},
		{"ok", "paper", 4.5}, {"warn", "paper", 4.5}, {"danger", "paper", 4.5}, {"danger", "surface", 4.5},
		{"accent-ink", "accent", 4.5}, {"danger-ink", "danger", 4.5},
		// What is no text: the borders of fields (criterion 1.4.11).
		{"edge", "paper", 3},
	}
	for theme, name := range []string{"light", "dark"} {
		for _, c := range cases {
			if got := contrast(palette[c.text][theme], palette[c.ground][theme]); got < c.least {
				t.Errorf("%s: %s on %s has %.2f:1, not %.1f:1", name, c.text, c.ground, got, c.least)
			}
		}
	}
}

// readPalette returns the luminance of each custom property, light and dark.
func readPalette(t *testing.T) map[string][2]float64 {
	t.Helper()
	css, err := fs.ReadFile(assetFiles, "assets/site.css")
	if err != nil {
		t.Fatal(err)
	}
	const oklch = `oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)`
	palette := map[string][2]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\(`+oklch+`, `+oklch+`\)`).FindAllStringSubmatch(string(css), -1) {
		var n [6]float64
		for i, text := range m[2:] {
			if n[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		palette[m[1]] = [2]float64{luminance(n[0]/100, n[1], n[2]), luminance(n[3]/100, n[4], n[5])}
	}
	if len(palette) < 8 {
		t.Fatalf("found only %d of them", len(palette))
	}
	return palette
}

// luminance returns the relative luminance (WCAG 2.2) of a colour in OKLCH,
// lightness from 0 to 1, hue in degrees (CSS Color 4, section 9.3 and 18).
func luminance(lightness, chroma, hue float64) float64 {
	sin, cos := math.Sincos(hue * math.Pi / 180)
	cube := func(v float64) float64 { return v * v * v }
	a, b := chroma*cos, chroma*sin
	l := cube(lightness + 0.3963377774*a + 0.2158037573*b)
	m := cube(lightness - 0.1055613458*a - 0.0638541728*b)
	s := cube(lightness - 0.0894841775*a - 1.2914855480*b)
	clip := func(v float64) float64 { return min(1, max(0, v)) }
	red := clip(4.0767416621*l - 3.3077115913*m + 0.2309699292*s)
	green := clip(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s)
	blue := clip(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s)
	return 0.2126*red + 0.7152*green + 0.0722*blue
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
