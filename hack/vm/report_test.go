package vm

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

func TestResultsAreFoundAmongWhatAMachinePrints(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       Result
		found      bool
	}{
		{"passed", "vm-check|preflight|\n", Result{Check: "preflight"}, true},
		{"carriage return of a serial port", "vm-check|preflight|\r\n", Result{Check: "preflight"}, true},
		{"failed", "vm-check|node and DNS|no route to host\r\n", Result{Check: "node and DNS", Reason: "no route to host"}, true},
		{"behind another program's text", "[  12.5] vm-check|make down|\n", Result{Check: "make down"}, true},
		{"line of the kernel", "[    0.000000] Linux version 6.1\n", Result{}, false},
		{"unknown check", "vm-check|moon phase|\n", Result{}, false},
		{"cut short", "vm-check|preflight", Result{}, false},
		{"empty", "", Result{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, found := Parse(test.line); got != test.want || found != test.found {
				t.Errorf("Parse(%q) = %+v, %t, want %+v, %t", test.line, got, found, test.want, test.found)
			}
		})
	}
}

// passed is a report in which every check passed.
func passed(system string) Report {
	report := Report{System: system}
	for _, check := range Checks {
		report.Results = append(report.Results, Result{Check: check})
	}
	return report
}

func TestTheTableShowsEveryCheckOfEveryMachine(t *testing.T) {
	broken := passed("Debian 13")
	broken.Results = broken.Results[:5]
	broken.Results[3].Reason = "port 8443: in use"
	broken.Failure = "the machine did not end within 1h30m0s"
	for name, reports := range map[string][]Report{
		"passed": {passed("Debian 12"), passed("Debian 13")},
		"failed": {passed("Debian 12"), broken},
		"silent": {{System: "Debian 12"}},
	} {
		t.Run(name, func(t *testing.T) {
			var table bytes.Buffer
			all, err := Table(&table, reports)
			if err != nil {
				t.Fatal(err)
			}
			if want := name == "passed"; all != want {
				t.Errorf("all passed: %t, want %t", all, want)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, table.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(table.Bytes(), want) {
				t.Errorf("the table is\n%s\nwant\n%s", table.Bytes(), want)
			}
		})
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestATableThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	if all, err := Table(full{}, []Report{passed("Debian 12")}); err == nil || all {
		t.Errorf("all passed: %t, error: %v", all, err)
	}
}

func TestTheScriptMakesEveryCheckInOrder(t *testing.T) {
	rest := checkScript
	for _, check := range Checks {
		_, after, found := strings.Cut(rest, `check "`+check+`" `)
		if !found {
			t.Fatalf("check.sh does not make the check %q after those before it", check)
		}
		rest = after
	}
	if strings.Contains(rest, "\ncheck \"") {
		t.Error("check.sh makes a check that the table does not show")
	}
}
