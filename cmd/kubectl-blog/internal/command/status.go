package command

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/status"
	"blogplatform.io/operator/internal/naming"
)

// settle is how long changes are gathered before the screen is drawn anew.
const settle = 100 * time.Millisecond

func (c *cli) statusCommand() *cobra.Command {
	var watched bool
	var output string
	command := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how a platform stands, part by part, and what to do next",
		Long: `Show on one screen how a platform stands: its release and canary, services,
database, certificates, secrets and mesh. What needs somebody says what to do.

Exit code 0: all is well (✔). 1: something is under way or waits (‼). 2: something
has failed or users are not served (✖), or the platform could not be read.`,
		Example: `  kubectl blog status -n g11-prod
  kubectl blog status -n g11-prod blog --watch
  kubectl blog status -n g11-prod -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			if output != "" && output != "json" {
				return c.unreadable(fmt.Errorf("-o %s is not known; write -o json, or leave it out", output))
			}
			reader, namespace, name, err := c.target(args)
			if err != nil {
				return c.unreadable(err)
			}
			show := c.printer(output, watched)
			if watched {
				return c.followStatus(command.Context(), reader, namespace, name, show)
			}
			mark, err := c.look(command.Context(), reader, namespace, name, show)
			if err != nil {
				return c.unreadable(err)
			}
			return exitCode(mark)
		},
	}
	command.Flags().BoolVarP(&watched, "watch", "w", false, "draw it anew whenever something changes, until interrupted")
	command.Flags().StringVarP(&output, "output", "o", "", "json, or nothing for people")
	return command
}

// unreadable ends with the code of a failure, because a script must not take it for progress.
func (c *cli) unreadable(err error) error {
	fmt.Fprintln(c.ErrOut, c.errStyle().Bad("error:"), err)
	return exit(screen.Failed)
}

// exitCode of a mark.
func exitCode(mark screen.Mark) error {
	if mark == screen.OK {
		return nil
	}
	return exit(mark)
}

// look reads and shows once.
func (c *cli) look(ctx context.Context, reader client.Reader, namespace, name string, show func(status.Report) error) (screen.Mark, error) {
	seen, err := status.Observe(ctx, reader, namespace, name)
	if err != nil {
		return screen.Failed, err
	}
	report := status.Judge(seen, c.now())
	return report.Mark, show(report)
}

// printer writes a report. When it does so again and again, it writes only what changed: over
// the last screen where a person looks, below it elsewhere.
func (c *cli) printer(output string, again bool) func(status.Report) error {
	last := ""
	return func(report status.Report) error {
		if output == "json" {
			encoder := json.NewEncoder(c.Out)
			if !again {
				encoder.SetIndent("", "  ")
			}
			return encoder.Encode(report)
		}
		text := status.Print(report, c.style())
		if text == last {
			return nil
		}
		before := ""
		switch {
		case again && screen.IsTerminal(c.Out):
			before = "\x1b[H\x1b[2J" // cursor home, erase display
		case last != "":
			before = "\n"
		}
		last = text
		_, err := fmt.Fprint(c.Out, before+text)
		return err
	}
}

// followStatus shows the platform whenever it or one of its Rollouts changes.
func (c *cli) followStatus(ctx context.Context, reader client.WithWatch, namespace, name string, show func(status.Report) error) error {
	p, err := platform.Get(ctx, reader, namespace, name)
	if err != nil {
		return c.unreadable(err)
	}
	changed, watchEnds := make(chan struct{}, 1), make(chan error, 2)
	go func() {
		watchEnds <- follow(ctx, reader, changed, listOf(platform.Kind.Kind), client.InNamespace(namespace), client.MatchingFields{"metadata.name": p.Name})
	}()
	go func() {
		// Without its Rollouts a platform still tells of its own changes.
		_ = follow(ctx, reader, changed, listOf("Rollout"), client.InNamespace(namespace), client.MatchingLabels(naming.Of(client.ObjectKeyFromObject(p)).Labels()))
	}()
	mark := screen.OK // that of the last screen, with which an interrupt ends
	for {
		seen, err := c.look(ctx, reader, namespace, p.Name, show)
		switch {
		case err == nil:
			mark = seen
		case !passes(err) && ctx.Err() == nil:
			return c.unreadable(err)
		}
		select {
		case <-ctx.Done():
			return exitCode(mark)
		case err := <-watchEnds:
			if ctx.Err() != nil {
				return exitCode(mark)
			}
			return c.unreadable(err)
		case <-changed:
		case <-retry(err):
		}
		select {
		case <-ctx.Done():
		case <-time.After(settle):
		}
	}
}
