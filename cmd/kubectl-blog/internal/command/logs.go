package command

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/logs"
	"blogplatform.io/operator/internal/naming"
)

func (c *cli) logsCommand() *cobra.Command {
	var services []string
	var canary, follow bool
	var tail int64
	var since time.Duration
	command := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Print the logs of the services, or of the canary alone",
		Example: `  kubectl blog logs -n g11-prod
  kubectl blog logs -n g11-prod --canary -f
  kubectl blog logs -n g11-prod --service user,content --since 10m`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			choice, err := choiceOf(services, canary)
			if err != nil {
				return err
			}
			reader, p, err := c.platform(command.Context(), args)
			if err != nil {
				return err
			}
			pods, err := logs.Pods(command.Context(), reader, p, choice)
			if err != nil {
				return err
			}
			config, err := c.config()
			if err != nil {
				return err
			}
			clientset, err := kubernetes.NewForConfig(config)
			if err != nil {
				return fmt.Errorf("make a client: %w", err)
			}
			options := corev1.PodLogOptions{Follow: follow}
			if tail >= 0 {
				options.TailLines = &tail
			}
			if since > 0 {
				options.SinceSeconds = new(int64(since.Seconds()))
			}
			return logs.Stream(command.Context(), clientset, pods, options, c.Out, c.style())
		},
	}
	command.Flags().StringSliceVarP(&services, "service", "s", nil, "frontend, user, content or comment; default all")
	command.Flags().BoolVar(&canary, "canary", false, "only the pods of the release that is on its way")
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	command.Flags().Int64Var(&tail, "tail", 20, "how many lines of each pod's past; -1 for all")
	command.Flags().DurationVar(&since, "since", 0, "only lines that are not older, such as 10m")
	_ = command.RegisterFlagCompletionFunc("service", cobra.FixedCompletions(serviceNames(), cobra.ShellCompDirectiveNoFileComp))
	return command
}

func serviceNames() []string {
	var names []string
	for _, service := range naming.Services {
		names = append(names, string(service))
	}
	return names
}

func choiceOf(services []string, canary bool) (logs.Choice, error) {
	choice := logs.Choice{Canary: canary}
	for _, name := range services {
		if !slices.Contains(naming.Services, naming.Service(name)) {
			return choice, fmt.Errorf("there is no service %q; name one of %v", name, naming.Services)
		}
		choice.Services = append(choice.Services, naming.Service(name))
	}
	return choice, nil
}
