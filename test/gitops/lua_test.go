package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

const settings = root + "/config/gitops/argocd/settings"

// health is what a health script answers.
type health struct{ Status, Message string }

// runLua runs a script of Argo CD as it does: with the libraries base, package
// and table only, for a second at most, and with the object in obj. It answers
// what the script returns, as JSON.
func runLua(t *testing.T, script string, obj map[string]any) []byte {
	t.Helper()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(t, state, obj))
	if err := state.DoString(script); err != nil {
		t.Fatalf("the script fails: %v", err)
	}
	text, err := luajson.Encode(state.Get(-1))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func toLua(t *testing.T, state *lua.LState, obj map[string]any) lua.LValue {
	t.Helper()
	text, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	value, err := luajson.Decode(state, text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// judge runs the health script in a file of settings.
func judge(t *testing.T, file string, u *unstructured.Unstructured) health {
	t.Helper()
	var answer health
	if err := json.Unmarshal(runLua(t, read(t, filepath.Join(settings, file)), u.Object), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// actions are those of BlogPlatforms, as Argo CD reads them.
type actions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

func readActions(t *testing.T) actions {
	t.Helper()
	var read actions
	text, err := os.ReadFile(filepath.Join(settings, "blogplatform-actions.yaml"))
	if err == nil {
		err = yaml.UnmarshalStrict(text, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// offered answers which actions people may choose.
func (a actions) offered(t *testing.T, u *unstructured.Unstructured) map[string]bool {
	t.Helper()
	var found map[string]struct{ Disabled bool }
	if err := json.Unmarshal(runLua(t, a.Discovery, u.Object), &found); err != nil {
		t.Fatal(err)
	}
	offered := map[string]bool{}
	for name, action := range found {
		offered[name] = !action.Disabled
	}
	return offered
}

// act answers the object as an action leaves it.
func (a actions) act(t *testing.T, name string, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	for _, definition := range a.Definitions {
		if definition.Name == name {
			changed := &unstructured.Unstructured{}
			if err := json.Unmarshal(runLua(t, definition.Action, u.Object), &changed.Object); err != nil {
				t.Fatal(err)
			}
			return changed
		}
	}
	t.Fatal(fmt.Errorf("there is no action %s", name))
	return nil
}
