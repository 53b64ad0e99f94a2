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
		"two lines":        line("a\nb"),
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
	if got, err := Line("body.title", "  ééééé ", 1, 5); got != "ééééé" || err != nil {
		t.Errorf("got %q, %v", got, err)
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
