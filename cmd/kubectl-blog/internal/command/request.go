package command

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/delivery"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/naming"
)

// fieldOwner is the name under which the plugin writes.
const fieldOwner = client.FieldOwner("kubectl-blog")

func (c *cli) requestCommands() []*cobra.Command {
	return []*cobra.Command{
		c.requestCommand(delivery.Pause, "Ask the operator to hold the release under way where it is"),
		c.requestCommand(delivery.Resume, "Ask the operator to go on with a paused release"),
		c.requestCommand(delivery.Abort, "Ask the operator to give up the release under way and go back to the last good one"),
		c.requestCommand(delivery.Retry, "Ask the operator to try a release again that was given up"),
	}
}

func (c *cli) requestCommand(verb delivery.Verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:   string(verb) + " [NAME]",
		Short: short,
		Long: short + `.

The request is the annotation ` + naming.AnnotationRequest + ` of the platform, with the version
of the release. The operator acts on it once.`,
		Example:           fmt.Sprintf("  kubectl blog %s -n g11-prod", verb),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			writer, p, err := c.platform(command.Context(), args)
			if err != nil {
				return err
			}
			request, err := delivery.Request(p, verb)
			if err != nil {
				return err
			}
			changed := p.Raw.DeepCopy()
			annotations := changed.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[naming.AnnotationRequest] = request
			changed.SetAnnotations(annotations)
			if err := writer.Patch(command.Context(), changed, client.MergeFrom(p.Raw), fieldOwner); err != nil {
				return fmt.Errorf("write request %q to BlogPlatform %s: %w", request, p.Key(), err)
			}
			fmt.Fprintf(c.Out, "%s %s: requested %q; kubectl blog status -n %s %s -w shows what comes of it\n",
				c.style().Mark(screen.OK), p.Key(), request, p.Namespace, p.Name)
			if warning := delivery.Unscaled(p, verb); warning != "" {
				fmt.Fprintf(c.Out, "%s %s\n", c.style().Mark(screen.Attention), warning)
			}
			return nil
		},
	}
}
