package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/check"
	"blogplatform.io/operator/internal/plan"
)

func (c *cli) checkCommand() *cobra.Command {
	scope := check.Scope{}
	var gateway string
	command := &cobra.Command{
		Use:   "check",
		Short: "Check whether the cluster has what a platform needs",
		Long: `Check whether the cluster has what a platform needs, and in which versions. What is
missing comes with what to do. The last checks are about the namespace (-n). A pod is
tried by a dry run; nothing is written.

Exit code 0: all is well (✔). 1: something deserves a look (‼). 2: something is
missing (✖).`,
		Example: `  kubectl blog check --pre
  kubectl blog check -n g11-prod
  kubectl blog check --only kinds,controllers`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var found bool
			if scope.GatewayNamespace, scope.GatewayService, found = strings.Cut(gateway, "/"); !found {
				return c.unreadable(fmt.Errorf("--gateway %s is not namespace/service, such as %s/%[2]s", gateway, plan.DefaultGateway))
			}
			namespace, err := c.namespace()
			if err != nil {
				return c.unreadable(err)
			}
			scope.Namespace = namespace
			config, err := c.config()
			if err != nil {
				return c.unreadable(err)
			}
			clientset, err := kubernetes.NewForConfig(config)
			if err != nil {
				return c.unreadable(fmt.Errorf("make a client: %w", err))
			}
			results, err := check.Run(command.Context(), clientset, scope)
			if err != nil {
				return c.unreadable(err)
			}
			fmt.Fprint(c.Out, check.Print(results, c.style()))
			return exitCode(check.Worst(results))
		},
	}
	command.Flags().BoolVar(&scope.Pre, "pre", false, "only what must be there before the operator is installed")
	command.Flags().StringSliceVar(&scope.Only, "only", nil, "only these: "+strings.Join(check.Names(), ", "))
	command.Flags().StringVar(&gateway, "gateway", plan.DefaultGateway+"/"+plan.DefaultGateway, "the ingress gateway's Service as namespace/service")
	_ = command.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(check.Names(), cobra.ShellCompDirectiveNoFileComp))
	return command
}
