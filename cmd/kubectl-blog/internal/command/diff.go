package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/changes"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/manifest"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/apply"
)

// The exit codes of diff are those of kubectl diff.
const (
	exitDifferent exit = 1
	exitNoDiff    exit = 2
)

func (c *cli) diffCommand() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "diff [NAME]",
		Short: "Show what the operator would change, with secrets masked",
		Long: `Show what the operator would change until the platform is as its spec says, or with
-f as the spec in a file says. It is computed by the operator's own plan and a dry
run on the API server; nothing is written. Gates and the steps of a canary, which
come in between, are passed over. You need the right to patch the children.

Exit code 0: nothing would change. 1: something would. 2: it could not be found out.`,
		Example: `  kubectl blog diff -n g11-prod
  kubectl blog diff -n g11-prod -f blogplatform.yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			found, err := c.differences(command.Context(), file, args)
			if err != nil {
				fmt.Fprintln(c.ErrOut, c.errStyle().Bad("error:"), err)
				return exitNoDiff
			}
			return c.showChanges(found)
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "manifest with the spec to compare with, or - for the standard input")
	return command
}

func (c *cli) differences(ctx context.Context, file string, args []string) ([]apply.Change, error) {
	reader, namespace, name, err := c.target(args)
	if err != nil {
		return nil, err
	}
	if file == "" {
		p, err := platform.Get(ctx, reader, namespace, name)
		if err != nil {
			return nil, err
		}
		return changes.Find(ctx, reader, p)
	}
	wanted, err := manifest.Read(ctx, file, c.In, namespace)
	if err != nil {
		return nil, err
	}
	var all []apply.Change
	for _, want := range wanted {
		p, err := tryOut(ctx, reader, want)
		if err != nil {
			return nil, err
		}
		found, err := changes.Find(ctx, reader, p)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// tryOut has the API server judge another spec of a platform, and writes nothing.
func tryOut(ctx context.Context, c client.Client, want *platform.Platform) (*platform.Platform, error) {
	live, err := platform.Get(ctx, c, want.Namespace, want.Name)
	if err != nil {
		return nil, fmt.Errorf("%w; kubectl blog render shows what would be made of it", err)
	}
	raw := live.Raw.DeepCopy()
	raw.Object["spec"] = want.Raw.Object["spec"]
	if err := c.Update(ctx, raw, client.DryRunAll); err != nil {
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
			return nil, fmt.Errorf("the API server refuses the manifest: %w", err)
		}
		return nil, fmt.Errorf("try out BlogPlatform %s: %w", want.Key(), err)
	}
	unstructured.RemoveNestedField(raw.Object, "metadata", "managedFields")
	return platform.From(raw)
}

func (c *cli) showChanges(found []apply.Change) error {
	if len(found) == 0 {
		fmt.Fprintln(c.ErrOut, c.errStyle().Mark(screen.OK), "nothing would change")
		return nil
	}
	counts := map[apply.Action]int{}
	for _, change := range found {
		counts[change.Action]++
		fmt.Fprint(c.Out, c.style().Diff(changes.Text(change)))
	}
	fmt.Fprintf(c.ErrOut, "%s %d to create, %d to change, %d to delete\n", c.errStyle().Mark(screen.Attention),
		counts[apply.Created], counts[apply.Configured], counts[apply.Deleted])
	return exitDifferent
}
