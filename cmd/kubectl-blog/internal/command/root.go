package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// Version is the release that the plugin is of, such as v1.2.3, or empty. The
// linker sets it (hack/ci/assets.sh); --version prints it.
var Version string

// cli is what all commands share.
type cli struct {
	genericiooptions.IOStreams
	flags   *genericclioptions.ConfigFlags
	noColor bool
	now     func() time.Time
}

// exit ends the program with a code, after everything has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs the plugin and answers its exit code: 0 if all is well, 1 after an
// error; status and check have codes of their own.
func Main(ctx context.Context, streams genericiooptions.IOStreams, args ...string) int {
	return run(ctx, streams, time.Now, nil, args...)
}

// run lets tests have a clock and a look at the requests.
func run(ctx context.Context, streams genericiooptions.IOStreams, now func() time.Time, wrap func(*rest.Config) *rest.Config, args ...string) int {
	klog.SetOutput(io.Discard) // client-go logs what errors say better
	klog.LogToStderr(false)
	c := &cli{IOStreams: streams, flags: configFlags(), now: now}
	c.flags.WrapConfigFn = wrap
	root := c.root()
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(streams.ErrOut, c.errStyle().Bad("error:"), err)
	return 1
}

// configFlags are those of kubectl that choose a cluster, a namespace and an identity.
func configFlags() *genericclioptions.ConfigFlags {
	all := genericclioptions.NewConfigFlags(true)
	return &genericclioptions.ConfigFlags{
		KubeConfig: all.KubeConfig, Context: all.Context, Namespace: all.Namespace, Timeout: all.Timeout,
		Impersonate: all.Impersonate, ImpersonateGroup: all.ImpersonateGroup,
	}
}

func (c *cli) style() screen.Style    { return screen.StyleFor(c.Out, c.noColor) }
func (c *cli) errStyle() screen.Style { return screen.StyleFor(c.ErrOut, c.noColor) }

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-blog",
		Version:       Version,
		Short:         "See, release and mend blogs that the BlogPlatform operator runs",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl blog"},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().BoolVar(&c.noColor, "no-color", false, "write without colours, as the variable NO_COLOR does")
	_ = root.RegisterFlagCompletionFunc("namespace", c.completeNamespaces)
	_ = root.RegisterFlagCompletionFunc("context", c.completeContexts)
	root.AddGroup(&cobra.Group{ID: "see", Title: "See:"}, &cobra.Group{ID: "release", Title: "Release:"}, &cobra.Group{ID: "prepare", Title: "Prepare:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add("see", c.statusCommand(), c.logsCommand(), c.historyCommand(), c.diffCommand())
	add("release", c.promoteCommand(), c.rollbackCommand())
	add("release", c.requestCommands()...)
	add("prepare", c.checkCommand(), c.renderCommand(), c.sealCommand())
	return root
}
