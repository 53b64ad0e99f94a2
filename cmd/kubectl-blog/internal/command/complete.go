package command

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
)

// completeNames offers the BlogPlatforms of the namespace.
func (c *cli) completeNames(command *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	reader, namespace, _, err := c.target(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, err := platform.List(command.Context(), reader, namespace)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, one := range all {
		names = append(names, one.GetName())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeNamespaces(command *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	reader, err := c.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var namespaces corev1.NamespaceList
	if err := reader.List(command.Context(), &namespaces); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, namespace := range namespaces.Items {
		names = append(names, namespace.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeContexts(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	config, err := c.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.Sorted(maps.Keys(config.Contexts)), cobra.ShellCompDirectiveNoFileComp
}

// completeVersions offers the releases of the history.
func (c *cli) completeVersions(command *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	_, p, err := c.platform(command.Context(), args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var versions []cobra.Completion
	for _, record := range p.Status.History {
		versions = append(versions, record.Version)
	}
	return versions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
