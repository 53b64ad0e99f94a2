package tofu

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const described = `{"root_module": {
  "variables": {
    "zones": {"type": ["list", "string"], "description": "The zones\nof it.", "required": true},
    "nat": {"type": "string", "default": "gateway", "description": "a | b"},
    "extra": {"type": ["map", ["object", {"uid": "number", "path": "string"}]], "default": {"b": 1}, "description": "More."},
    "none": {"type": "string", "default": null, "description": "Nothing."}
  },
  "outputs": {"id": {"description": "The id."}},
  "resources": [{"mode": "managed", "type": "aws_vpc", "name": "this"}, {"mode": "data", "type": "aws_region", "name": "current"}]
}}`

func module(t *testing.T, text string) Module {
	t.Helper()
	var m Module
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAReadmeListsWhatAModuleTakesGivesAndMakes(t *testing.T) {
	got := Readme("# network\n\nWhat it is for.\n", module(t, described))
	want := `# network

What it is for.

` + beginMark + `

## Variables

| Name | Type | Default | Description |
| --- | --- | --- | --- |
| ` + "`zones` | `list(string)`" + ` | required | The zones of it. |
| ` + "`extra` | `map(object({ path = string, uid = number }))` | `{\"b\":1}`" + ` | More. |
| ` + "`nat` | `string` | `\"gateway\"`" + ` | a \| b |
| ` + "`none` | `string` | `null`" + ` | Nothing. |

## Outputs

| Name | Description |
| --- | --- |
| ` + "`id`" + ` | The id. |

## Resources

` + "`aws_vpc.this` · `data.aws_region.current`" + `

` + endMark + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGeneratingAgainChangesNothing(t *testing.T) {
	m := module(t, described)
	once := Readme("# network\n\nBefore.\n", m) + "\nAfter.\n"
	twice := Readme(once, m)
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Error(diff)
	}
}

func TestAModuleWithoutInputsHasNoEmptyTables(t *testing.T) {
	got := Readme("# empty\n", module(t, `{"root_module": {}}`))
	if strings.Contains(got, "##") {
		t.Errorf("it has tables:\n%s", got)
	}
}

func TestTypesAreWrittenAsInAModule(t *testing.T) {
	for constraint, want := range map[string]string{
		`"string"`: "string", `"dynamic"`: "any", ``: "any", `["set","number"]`: "set(number)",
		`["list",["map","bool"]]`:           "list(map(bool))",
		`["object",{"b":"bool","a":"any"}]`: "object({ a = any, b = bool })",
		`["object","x"]`:                    "object", `["list"]`: "any",
	} {
		if got := TypeName(json.RawMessage(constraint)); got != want {
			t.Errorf("%s is written %s, want %s", constraint, got, want)
		}
	}
}

func TestWhatIsNotDescribedIsNamed(t *testing.T) {
	err := module(t, `{"root_module": {
		"variables": {"a": {"type": "string"}, "b": {"description": "No type."}, "c": {"type": "string", "description": "Fine."}},
		"outputs": {"d": {}}}}`).Document()
	if err == nil || !strings.HasSuffix(err.Error(), "output d, variable a, variable b") {
		t.Errorf("the error is %v", err)
	}
	if err := module(t, described).Document(); err != nil {
		t.Error(err)
	}
}

func TestTheReadmeOfAFolderIsComparedWithWhatTofuSays(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/README.md": "# a\n"}, `echo '{"root_module": {"outputs": {"id": {"description": "The id."}}}}'`)
	is, should, err := s.Readme(t.Context(), "modules/a")
	if err != nil {
		t.Fatal(err)
	}
	if is != "# a\n" || !strings.Contains(should, "| `id` | The id. |") {
		t.Errorf("it is %q and should be %q", is, should)
	}
}

func TestAModuleWithoutAReadmeOrDescriptionIsRefused(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `echo '{"root_module": {}}'`)
	if _, _, err := s.Readme(t.Context(), "modules/a"); err == nil || !strings.Contains(err.Error(), "what the module is for") {
		t.Errorf("the error is %v", err)
	}
	s = fake(t, map[string]string{"modules/a/README.md": ""}, `echo '{"root_module": {"outputs": {"id": {}}}}'`)
	if _, _, err := s.Readme(t.Context(), "modules/a"); err == nil || !strings.Contains(err.Error(), "modules/a: without type or description: output id") {
		t.Errorf("the error is %v", err)
	}
}
