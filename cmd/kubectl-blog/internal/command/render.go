package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/changes"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/manifest"
	"blogplatform.io/operator/internal/plan"
)

func (c *cli) renderCommand() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "render -f FILE",
		Short: "Print what the operator makes of a manifest, without a cluster",
		Long: `Print the children that the operator makes of the BlogPlatforms in a file, as YAML in
the order in which they are applied. The manifest is checked against the rules of
the CRD first. No cluster is asked.`,
		Example: `  kubectl blog render -f blogplatform.yaml
  kustomize build production | kubectl blog render -f -`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			namespace, err := c.namespace()
			if err != nil {
				return err
			}
			platforms, err := manifest.Read(command.Context(), file, c.In, namespace)
			if err != nil {
				return err
			}
			for _, p := range platforms {
				planned, err := plan.Build(plan.Input{Platform: p.BlogPlatform, Release: p.Spec.Release})
				if err != nil {
					return fmt.Errorf("plan BlogPlatform %s: %w", p.Key(), err)
				}
				for _, child := range planned.Children {
					fmt.Fprintf(c.Out, "---\n# %s, stage %s\n%s", p.Key(), child.Stage, changes.Manifest(child.Object))
				}
			}
			return nil
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "file with BlogPlatforms, or - for the standard input")
	_ = command.MarkFlagRequired("filename")
	return command
}
