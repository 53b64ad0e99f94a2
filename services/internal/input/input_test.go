package input

import (
	"errors"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/problem"
)

func TestAFieldThatCannotBeKeptIsNamed(t *testing.T) {
	line := func(text string) error { _, err := Line("body.title", text, 1, 5); return err }
	for name, err := range map[string]error{
		"too long":         line("sixsix"),
		"too short":        line("   "),
		"zero width":       line("\u200b\u2060\u200b"),
		"a blank letter":   line("\u3164 \u2800"),
		"a soft hyphen":    line("\u00ad"),
		"a variation":      line("\ufe0f"),
		"a blank text":     Text("body.title", "\u200b \n", 1, 5),
		"a control":        line("a\x1bb"),
		"NUL in a text":    Text("body.title", "a\x00", 0, 5),
		"too long a text":  Text("body.title", strings.Repeat("é", 6), 0, 5),
		"too short a text": Text("body.title", "", 1, 5),
	} {
		var known *problem.Error
		if !errors.As(err, &known) || known.Status != 400 || known.Field != "body.title" || !strings.HasPrefix(known.Detail, "body.title ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"  ééééé ": "ééééé", "a\tb": "a b", "a\r\nb\n": "a b", "\ufeffa": "a", "👍🏽": "👍🏽", "ක්\u200dෂ": "ක්\u200dෂ", "a\u2028b": "a b",
	} {
		if got, err := Line("body.title", text, 1, 5); got != want || err != nil {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	if err := Text("body.summary", "\u200b", 0, 5); err != nil {
		t.Errorf("what may be empty may be blank: %v", err)
	}
}

func TestIfMatchNamesARevision(t *testing.T) {
	if got, err := Revision(new(ETag(7))); got != 7 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	for text, status := range map[string]int{"": 428, "7": 400, `"x"`: 400, `W/"7"`: 400, "*": 400, `"0"`: 400, `"7`: 400, `"99999999999999999999"`: 400} {
		_, err := Revision(&text)
		var known *problem.Error
		if !errors.As(err, &known) || known.Status != status || known.Field != "If-Match" {
			t.Errorf("%s: %v", text, err)
		}
	}
}
