package docs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	helm "helm.sh/helm/v4/pkg/cmd"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

// Programs say by their name what is wrong with the arguments of a call: nil if
// the program has the subcommand and the flags.
type Programs map[string]func(args []string) error

func (p Programs) names() []string { return slices.Sorted(maps.Keys(p)) }

// NewPrograms are the programs that documents call. plugin is the path of
// kubectl-blog, built from the repository at root.
func NewPrograms(root, plugin string) (Programs, error) {
	helmRoot, err := helm.NewRootCmd(io.Discard, nil, func(bool) {})
	if err != nil {
		return nil, fmt.Errorf("the commands of helm: %w", err)
	}
	targets, err := readMakefile(root)
	if err != nil {
		return nil, err
	}
	kubectlRoot := kubectl.NewDefaultKubectlCommandWithArgs(kubectl.KubectlOptions{IOStreams: genericiooptions.NewTestIOStreamsDiscard()})
	return Programs{
		"make": targets.check,
		"helm": func(args []string) error { return checkTree(helmRoot, args) },
		"kubectl": func(args []string) error {
			if len(args) > 0 && args[0] == "blog" {
				return checkPlugin(plugin, args[1:])
			}
			return checkTree(kubectlRoot, args)
		},
		"tofu":        checkTofu,
		"go":          func(args []string) error { return checkGo(root, args) },
		"bin/cluster": func(args []string) error { return checkSource(filepath.Join(root, "hack/cluster/cmd"), args) },
	}, nil
}

// checkTree asks the commands that a program is made of.
func checkTree(root *cobra.Command, args []string) error {
	command, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	command.InitDefaultHelpFlag()
	if err := command.ParseFlags(rest); err != nil {
		return err
	}
	if names := command.Flags().Args(); command.HasSubCommands() && len(names) > 0 {
		return fmt.Errorf("%s has no command %q", command.CommandPath(), names[0])
	}
	return nil
}

// checkPlugin has the plugin read the arguments, and asks it for help only. That
// stands first, so that no flag takes it for its value.
func checkPlugin(plugin string, args []string) error {
	subcommand := min(1, len(args))
	out, err := exec.Command(plugin, slices.Insert(slices.Clone(args), subcommand, "--help")...).CombinedOutput()
	if err != nil {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return nil
}

// tofu are the flags of the subcommands that documents use, from the sources of
// OpenTofu 1.12 (internal/command/arguments).
var tofu = map[string][]string{
	"init":         {"backend", "backend-config", "input", "migrate-state", "reconfigure", "upgrade", "var", "var-file"},
	"plan":         {"destroy", "lock", "out", "refresh", "replace", "target", "var", "var-file"},
	"apply":        {"auto-approve", "destroy", "lock", "replace", "target", "var", "var-file"},
	"destroy":      {"auto-approve", "lock", "target", "var", "var-file"},
	"output":       {"json", "raw"},
	"show":         {"json"},
	"import":       {"config", "lock", "var", "var-file"},
	"state list":   {"id"},
	"state rm":     {"dry-run", "lock"},
	"force-unlock": {"force"},
	"fmt":          {"check", "diff", "recursive", "write"},
	"validate":     {"json"},
	"test":         {"filter", "verbose", "var"},
}

// checkTofu looks the arguments up in the table.
func checkTofu(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-chdir=") {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil
	}
	subcommand, rest := args[0], args[1:]
	if subcommand == "state" && len(rest) > 0 {
		subcommand, rest = subcommand+" "+rest[0], rest[1:]
	}
	flags, known := tofu[subcommand]
	if !known {
		return fmt.Errorf("tofu has no command %q, or the table of this check lacks it", subcommand)
	}
	for _, arg := range rest {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && !slices.Contains(flags, name) {
			return fmt.Errorf("tofu %s has no flag %s, or the table of this check lacks it", subcommand, arg)
		}
	}
	return nil
}
