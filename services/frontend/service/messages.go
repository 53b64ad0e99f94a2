package service

import (
	"embed"
	"encoding/json"
	"fmt"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

//go:embed messages
var messageFiles embed.FS

// messages are the texts that people see, by key: they stand in one file per
// language and nowhere else.
type messages struct {
	// plain are texts as they stand in the file, plurals those by number.
	plain   map[string]string
	plurals map[string]map[string]any
	printer *message.Printer
}

// newMessages reads the catalog of a language. A text is a string, with verbs
// of package fmt, or an object of plural cases (CLDR's names, or =0 for exactly
// that many) that are picked by the first argument.
func newMessages(tag language.Tag) (messages, error) {
	file := "messages/" + tag.String() + ".json"
	document, err := messageFiles.ReadFile(file)
	if err != nil {
		return messages{}, fmt.Errorf("read the catalog: %w", err)
	}
	var texts map[string]any
	if err := json.Unmarshal(document, &texts); err != nil {
		return messages{}, fmt.Errorf("read the catalog %s: %w", file, err)
	}
	m := messages{plain: map[string]string{}, plurals: map[string]map[string]any{}}
	builder := catalog.NewBuilder(catalog.Fallback(tag))
	for key, text := range texts {
		switch text := text.(type) {
		case string:
			m.plain[key] = text
			err = builder.SetString(tag, key, text)
		case map[string]any:
			m.plurals[key] = text
			err = builder.Set(tag, key, plural.Selectf(1, "", cases(text)...))
		default:
			err = fmt.Errorf("it is a %T", text)
		}
		if err != nil {
			return messages{}, fmt.Errorf("text %s of %s: %w", key, file, err)
		}
	}
	m.printer = message.NewPrinter(tag, message.Catalog(builder))
	return m, nil
}

// cases lists plural cases as package plural takes them: the first that fits wins.
func cases(texts map[string]any) []any {
	var list []any
	for _, name := range []string{"=0", "=1", "zero", "one", "two", "few", "many", "other"} {
		if text, found := texts[name]; found {
			list = append(list, name, text)
		}
	}
	return list
}

// text returns the text with that key, and the key itself where there is none.
func (m messages) text(key string, args ...any) string {
	if len(args) == 0 {
		if text, found := m.plain[key]; found {
			return text
		}
	}
	return m.printer.Sprintf(message.Key(key, key), args...)
}
