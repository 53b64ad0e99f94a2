package markdown

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"blogplatform.io/operator/hack/timefactor"
)

// constructs are ways to fill a text of n bytes, each with one construct that
// could multiply.
func constructs() map[string]func(n int) string {
	repeated := func(unit string) func(n int) string {
		return func(n int) string { return strings.Repeat(unit, n/len(unit)) }
	}
	all := map[string]func(n int) string{
		"a wide and long table": func(n int) string {
			columns := n / 8
			return strings.Repeat("|a", columns) + "|\n" + strings.Repeat("|-", columns) + "|\n" + strings.Repeat("|\n", n/4)
		},
		"many small tables": repeated("|a|a|a|a|\n|-|-|-|-|\n|\n|\n|\n|\n\n"),
		"a table of pipes in code": func(n int) string {
			return "|a|\n|-|\n" + strings.Repeat("|`\\|\\|`|\n", n/9)
		},
		"one long address for many links": func(n int) string {
			return "[a]: /" + strings.Repeat("x", n/2) + "\n\n" + strings.Repeat("[a]", n/6)
		},
		"one long title for many pictures": func(n int) string {
			return "[a]: /x \"" + strings.Repeat("'", n/2) + "\"\n\n" + strings.Repeat("![a]", n/8)
		},
		"many addresses": func(n int) string {
			var out strings.Builder
			for i := 0; out.Len() < n; i++ {
				fmt.Fprintf(&out, "[%d]: x\n\n[%d]\n\n", i, i)
			}
			return out.String()
		},
		"many footnotes, many times": func(n int) string {
			var out strings.Builder
			for i := 0; out.Len() < n/2; i++ {
				fmt.Fprintf(&out, "[^%d]: x\n", i)
			}
			return out.String() + strings.Repeat("[^0]", n/8)
		},
		"one footnote many times": func(n int) string { return "[^a]: x\n\n" + strings.Repeat("[^a]", n/4) },
		"lists that step in": func(n int) string {
			var out strings.Builder
			for i := 0; out.Len() < n; i++ {
				out.WriteString(strings.Repeat("  ", i) + "- a\n")
			}
			return out.String()
		},
		"growing ticks": func(n int) string {
			var out strings.Builder
			for i := 1; out.Len() < n; i++ {
				out.WriteString("a" + strings.Repeat("`", i))
			}
			return out.String()
		},
		"nested brackets": func(n int) string { return strings.Repeat("[", n/2) + strings.Repeat("]", n/2) },
		"nested links": func(n int) string {
			return strings.Repeat("[", n/2) + "[a](b)" + strings.Repeat("](c)", n/8)
		},
		"nested pictures":  func(n int) string { return strings.Repeat("![", n/6) + strings.Repeat("](b)", n/6) },
		"nested stars":     func(n int) string { return strings.Repeat("*", n/2) + "a" + strings.Repeat("*", n/2) },
		"a list in quotes": func(n int) string { return strings.Repeat("> - ", 16) + "\n" + strings.Repeat("> - a\n", n/6) },
	}
	for _, unit := range []string{
		">", "> ", "- ", "1. ", "* - + ", "> - ", "[", "![", "*a _", "**a *", "~~a ~", "`", "[a](", "[a][", "[a](b \"", "[a](<", "[a]: <", "[a]: b \"",
		"<a ", "<a b=\"", "<!--", "<?", "<!A", "<![CDATA[", "</a", "[^a]", "[^a]: ", "|", "&#1;", "&a", "www.a.b/(", "http://a.b/ ", "a@b.c ", "a.b@", "\"", "'", "\"'", "\" ", "a'", "-- ", "---\na: b\n",
		"\\", "\\\n", "  \n", "# a\n", "a\n=\n", "```\n~~~\n", "- [ ] a\n", "***\n", "\t- ", "    a\n\n", "<br>", "--", "((((", "~", "_", "a\n\n", "<http://a>",
	} {
		all[fmt.Sprintf("%q", unit)] = repeated(unit)
		all[fmt.Sprintf("lines of %q", unit)] = repeated(strings.Repeat(unit, 30) + "\n")
	}
	return all
}

// processorTime is what this process has used. A busy machine does not change it much.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestNoConstructMultiplies bounds what each construct may cost as the text
// grows. Where the cost grows with the square of the text, the time shows it.
// Memory is all that was allocated: what is in use at a time is a part of it.
func TestNoConstructMultiplies(t *testing.T) {
	const maxMemory = 256 << 20
	for name, text := range constructs() {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{6000, maxSource} {
				source := text(size)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := processorTime(t)
				got, err := Render(t.Context(), source)
				took := processorTime(t) - start
				runtime.ReadMemStats(&after)
				if err != nil && !errors.Is(err, ErrTooComplex) {
					t.Fatal(err)
				}
				if limit := timefactor.Scale(3 * time.Second); took > limit {
					t.Errorf("%d bytes took %s, and may take %s", len(source), took, limit)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used > maxMemory {
					t.Errorf("%d bytes used %d MiB, and may use %d", len(source), used>>20, maxMemory>>20)
				}
				if len(got.HTML) > 2*MaxHTML {
					t.Errorf("%d bytes became %d", len(source), len(got.HTML))
				}
			}
		})
	}
}

func TestATextThatCostsTooMuchIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"cells":            {"Before.\n\n" + strings.Repeat("|a", 200) + "|\n" + strings.Repeat("|-", 200) + "|\n" + strings.Repeat("|\n", 200), "line 3 begins a table"},
		"cells of several": {strings.Repeat(strings.Repeat("|a", 100)+"\n"+strings.Repeat("|-", 100)+"|\n"+strings.Repeat("|\n", 60)+"\n", 4), "line "},
		"quotes":           {"a\n\n" + strings.Repeat(">", 33), "line 3 has more than 32 quotes"},
		"lists":            {strings.Repeat("1. ", 33) + "x", "line 1 has more than 32"},
		"quotes in a list": {"1. - " + strings.Repeat("> ", 33) + "x", "line 1 has more than 32"},
		"links":            {strings.Repeat("[a](b)\n", 5001), "line 5001 has a link after 5000"},
		"references":       {"[a]: /" + strings.Repeat("x", 50_000) + "\n\n" + strings.Repeat("[a]", 1000), "has a link with which"},
		"footnotes":        {"[^a]: x\n\n" + strings.Repeat("[^a]", 2001), "line 3 has one of too many footnotes"},
		"HTML":             {strings.Repeat("# a\n", 40_000), "bytes of HTML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Render(t.Context(), c.source)
			if !errors.Is(err, ErrTooComplex) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWhatALimitDoesNotMeanIsRendered(t *testing.T) {
	for name, source := range map[string]string{
		"quotes in a fence":  "```\n" + strings.Repeat(">", 40) + "\n```",
		"a link in a fence":  "```\n" + strings.Repeat("[a](b)", 5001) + "\n```",
		"a table of a year":  "|a|b|c|d|e|\n|-|-|-|-|-|\n" + strings.Repeat("|1|2|3|4|5|\n", 366*10),
		"lists within lists": strings.Repeat("- ", 32) + "x",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Render(t.Context(), source); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRenderingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Render(ctx, strings.Repeat("*a* ", 50_000)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
