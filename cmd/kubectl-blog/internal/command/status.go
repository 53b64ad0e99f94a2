package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/status"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

// settle is how long changes are gathered before the screen is drawn anew.
const settle = 100 * time.Millisecond

func (c *cli) statusCommand() *cobra.Command {
	var follow bool
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
			show := c.printer(output, follow)
			if follow {
				return c.followStatus(command.Context(), reader, namespace, name, show)
			}
			mark, err := c.look(command.Context(), reader, namespace, name, show)
			if err != nil {
				return c.unreadable(err)
			}
			return mark
		},
	}
	command.Flags().BoolVarP(&follow, "watch", "w", false, "draw it anew whenever something changes, until interrupted")
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

// look reads and shows once; the error is that of its mark unless it could not be read.
func (c *cli) look(ctx context.Context, reader client.Reader, namespace, name string, show func(status.Report) error) (error, error) {
	seen, err := status.Observe(ctx, reader, namespace, name)
	if err != nil {
		return nil, err
	}
	report := status.Judge(seen, c.now())
	return exitCode(report.Mark), show(report)
}

// printer writes a report. When it follows, it writes only what changed: over
// the last screen where a person looks, below it elsewhere.
func (c *cli) printer(output string, follow bool) func(status.Report) error {
	last := ""
	return func(report status.Report) error {
		if output == "json" {
			encoder := json.NewEncoder(c.Out)
			if !follow {
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
		case follow && screen.IsTerminal(c.Out):
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
		watchEnds <- await(ctx, reader, changed, platformList(), client.InNamespace(namespace), client.MatchingFields{"metadata.name": p.Name})
	}()
	go func() {
		// Without its Rollouts a platform still tells of its own changes.
		_ = await(ctx, reader, changed, rolloutList(), client.InNamespace(namespace), client.MatchingLabels(naming.Of(client.ObjectKeyFromObject(p)).Labels()))
	}()
	for {
		mark, err := c.look(ctx, reader, namespace, p.Name, show)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return c.unreadable(err)
		}
		select {
		case <-ctx.Done():
			return mark
		case err := <-watchEnds:
			if ctx.Err() != nil {
				return mark
			}
			return c.unreadable(err)
		case <-changed:
		}
		select {
		case <-ctx.Done():
		case <-time.After(settle):
		}
	}
}

func platformList() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(platform.Kind.GroupVersion().WithKind(platform.Kind.Kind + "List"))
	return list
}

func rolloutList() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(platform.KindOf(plan.Kinds, "Rollout").GroupVersion().WithKind("RolloutList"))
	return list
}

// await signals changes until the context ends. The API server ends watches
// after a while; then another one is begun.
func await(ctx context.Context, reader client.WithWatch, changed chan<- struct{}, list *unstructured.UnstructuredList, options ...client.ListOption) error {
	for ctx.Err() == nil {
		watcher, err := reader.Watch(ctx, list.DeepCopy(), options...)
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		for event := range watcher.ResultChan() {
			if event.Type == watch.Error {
				break
			}
			select {
			case changed <- struct{}{}:
			default: // it is known already
			}
		}
		watcher.Stop()
	}
	return errors.New("interrupted")
}
