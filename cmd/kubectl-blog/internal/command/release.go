package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/delivery"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// how a change of the release is made.
type how struct {
	output  string
	wait    bool
	timeout time.Duration
}

func (h *how) addFlags(command *cobra.Command) {
	command.Flags().StringVarP(&h.output, "output", "o", "", "patch: print the change for Git and write nothing")
	command.Flags().BoolVar(&h.wait, "wait", false, "wait until the release is verified, and fail if it is given up")
	command.Flags().DurationVar(&h.timeout, "timeout", 30*time.Minute, "how long to wait with --wait")
	command.MarkFlagsMutuallyExclusive("output", "wait")
}

func (h *how) check() error {
	if h.output != "" && h.output != "patch" {
		return fmt.Errorf("-o %s is not known; write -o patch, or leave it out", h.output)
	}
	return nil
}

func (c *cli) promoteCommand() *cobra.Command {
	var from, fromContext, fromKubeconfig string
	var terms delivery.Terms
	var h how
	command := &cobra.Command{
		Use:   "promote [NAME]",
		Short: "Give production the release that staging has verified",
		Long: `Give production the release that staging has verified: exactly its digests. Which
staging that is, says spec.promotion.from of the production platform, or --from.
The change is shown and written to spec.release; when it goes out is decided by the
operator's gate, spec.promotion. Where there is no gate, as for a staging of another
cluster, what has not soaked for as long as --soak says is refused. What another
program applies (Argo CD, Flux, Fleet, Config Sync, kpt, Helm) is not written: print
the change with -o patch and commit it.`,
		Example: `  kubectl blog promote -n g11-prod --from g11-stg/blog --wait
  kubectl blog promote -n g11-prod --from g11-stg/blog -o patch > release.yaml
  kubectl blog promote -n g11-prod --from g11-stg/blog --from-context staging --soak 30m`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			if err := h.check(); err != nil {
				return err
			}
			writer, production, err := c.platform(command.Context(), args)
			if err != nil {
				return err
			}
			reader := client.Reader(writer)
			if fromContext != "" || fromKubeconfig != "" {
				if reader, err = c.otherCluster(fromContext, fromKubeconfig); err != nil {
					return err
				}
			}
			staging, err := stagingOf(command.Context(), reader, production, from)
			if err != nil {
				return err
			}
			promotion, err := delivery.Promote(staging, production, terms, c.now())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOut, "%s staging %s has verified release %s\n", c.errStyle().Mark(screen.OK), staging.Key(), promotion.Release.Version)
			if gate := promotion.Gate; !gate.Allowed {
				fmt.Fprintf(c.ErrOut, "%s the gate of %s is closed until %s: %s\n", c.errStyle().Mark(screen.Attention), production.Key(), screen.Time(gate.NextCheck), gate.Message)
			}
			return c.release(command.Context(), writer, promotion.Change, h)
		},
	}
	command.Flags().StringVar(&from, "from", "", "the staging platform as namespace/name; default spec.promotion.from")
	command.Flags().StringVar(&fromContext, "from-context", "", "context of the staging platform's cluster, if it is another")
	command.Flags().StringVar(&fromKubeconfig, "from-kubeconfig", "", "kubeconfig of the staging platform's cluster, if it is another")
	command.Flags().StringVar(&terms.Version, "release", "", "refuse to promote any other version")
	command.Flags().DurationVar(&terms.Soak, "soak", 0, "how long staging must have run it, if spec.promotion does not say")
	_ = command.RegisterFlagCompletionFunc("from-context", c.completeContexts)
	h.addFlags(command)
	return command
}

func (c *cli) rollbackCommand() *cobra.Command {
	var to string
	var h how
	command := &cobra.Command{
		Use:   "rollback [NAME]",
		Short: "Go back to an earlier good release of the history",
		Long: `Go back to an earlier release that was verified: by its images, as the history holds
them. One step back is always safe. A longer one is refused where a contract
migration in between may have removed what the old release needs. What another
program applies (Argo CD, Flux, Fleet, Config Sync, kpt, Helm) is not written: print
the change with -o patch and commit it.`,
		Example: `  kubectl blog rollback -n g11-prod
  kubectl blog rollback -n g11-prod --to v1.3.9 --wait`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			if err := h.check(); err != nil {
				return err
			}
			writer, p, err := c.platform(command.Context(), args)
			if err != nil {
				return err
			}
			if err := delivery.WithImages(command.Context(), writer, p); err != nil {
				return err
			}
			change, err := delivery.Rollback(p, to)
			if err != nil {
				return err
			}
			return c.release(command.Context(), writer, change, h)
		},
	}
	command.Flags().StringVar(&to, "to", "", "version to go back to; default the good one before the current")
	_ = command.RegisterFlagCompletionFunc("to", c.completeVersions)
	h.addFlags(command)
	return command
}

// otherCluster is where the staging platform of another cluster is read.
func (c *cli) otherCluster(context, kubeconfig string) (client.Reader, error) {
	flags := genericclioptions.NewConfigFlags(true)
	flags.WrapConfigFn = c.flags.WrapConfigFn
	flags.KubeConfig, flags.Context = c.flags.KubeConfig, &context
	if kubeconfig != "" {
		flags.KubeConfig = &kubeconfig
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster of the staging platform: %w", err)
	}
	return clientFor(config)
}

// stagingOf reads the platform from which a production is promoted.
func stagingOf(ctx context.Context, reader client.Reader, production *platform.Platform, from string) (*platform.Platform, error) {
	namespace, name := production.Text("spec", "promotion", "from", "namespace"), production.Text("spec", "promotion", "from", "name")
	if from != "" {
		namespace, name, _ = strings.Cut(from, "/")
	}
	if namespace == "" {
		return nil, fmt.Errorf("BlogPlatform %s does not say by spec.promotion.from which staging it is promoted from; name it by --from namespace/name", production.Key())
	}
	return platform.Get(ctx, reader, namespace, name)
}

// release shows a change and makes it, or prints it for Git.
func (c *cli) release(ctx context.Context, writer client.WithWatch, change delivery.Change, h how) error {
	p := change.Platform
	if h.output == "patch" {
		fmt.Fprint(c.Out, change.Patch())
		return nil
	}
	if change.None() {
		fmt.Fprintf(c.Out, "%s %s asks for release %s already\n", c.style().Mark(screen.OK), p.Key(), change.Release.Version)
		return c.await(ctx, writer, change, h)
	}
	fmt.Fprint(c.Out, c.style().Diff(change.Diff()))
	if err := change.Refusal(); err != nil {
		return err
	}
	if err := write(ctx, writer, change); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s %s now asks for release %s\n", c.style().Mark(screen.OK), p.Key(), change.Release.Version)
	return c.await(ctx, writer, change, h)
}

// write changes spec.release, unless somebody has changed the spec since it was
// read. That the operator writes the status all the time is no hindrance.
func write(ctx context.Context, writer client.Client, change delivery.Change) error {
	block, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&change.Release)
	if err != nil {
		return fmt.Errorf("write release %s: %w", change.Release.Version, err)
	}
	live := change.Platform
	for {
		changed := live.Raw.DeepCopy()
		if err := unstructured.SetNestedMap(changed.Object, block, "spec", "release"); err != nil {
			return fmt.Errorf("write release %s: %w", change.Release.Version, err)
		}
		err := writer.Patch(ctx, changed, client.MergeFromWithOptions(live.Raw, client.MergeFromWithOptimisticLock{}), fieldOwner)
		if err == nil {
			return nil
		}
		if !apierrors.IsConflict(err) {
			return fmt.Errorf("write BlogPlatform %s: %w", change.Platform.Key(), err)
		}
		if live, err = platform.Get(ctx, writer, live.Namespace, live.Name); err != nil {
			return err
		}
		if live.UID != change.Platform.UID || live.Generation != change.Platform.Generation {
			return fmt.Errorf("BlogPlatform %s was changed by somebody else meanwhile, so nothing was written; look at it and try again", live.Key())
		}
	}
}

// await shows the way of a release until it is verified or over. An API server
// that does not answer for a while is waited for, too.
func (c *cli) await(ctx context.Context, reader client.WithWatch, change delivery.Change, h how) error {
	if !h.wait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	p, version := change.Platform, change.Release.Version
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- follow(ctx, reader, changed, listOf(platform.Kind.Kind), client.InNamespace(p.Namespace), client.MatchingFields{"metadata.name": p.Name})
	}()
	last, begin := "", c.now()
	for {
		line, done, err := c.progress(ctx, reader, change)
		if passes(err) {
			line = "the API server does not answer"
		}
		switch {
		case ctx.Err() != nil:
			return cutShort(ctx, change, h, last)
		case err != nil && !passes(err):
			return fmt.Errorf("release %s of BlogPlatform %s: %w", version, p.Key(), err)
		case done:
			fmt.Fprintf(c.Out, "%s %s\n", c.style().Mark(screen.OK), line)
			return nil
		case line != last:
			last = line
			fmt.Fprintf(c.Out, "%s %s  %s\n", c.style().Mark(screen.Attention), c.style().Dim(screen.Pad(elapsed(c.now().Sub(begin)), 5)), line)
		}
		select {
		case err := <-ended:
			if ctx.Err() == nil {
				return err
			}
		case <-changed:
		case <-retry(err):
		}
	}
}

// progress reads how far a release has come.
func (c *cli) progress(ctx context.Context, reader client.Reader, change delivery.Change) (string, bool, error) {
	live, err := platform.Get(ctx, reader, change.Platform.Namespace, change.Platform.Name)
	if err != nil {
		return "", false, err
	}
	line, done, err := delivery.Progress(live, change.Release.Version)
	if done {
		line = fmt.Sprintf("release %s is verified and served at %s", change.Release.Version, live.Status.URL)
	}
	return line, done, err
}

func cutShort(ctx context.Context, change delivery.Change, h how, last string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("release %s of BlogPlatform %s is not verified after %s; last seen: %s", change.Release.Version, change.Platform.Key(), h.timeout, last)
	}
	return fmt.Errorf("interrupted; release %s of BlogPlatform %s goes on", change.Release.Version, change.Platform.Key())
}

// elapsed is minutes and seconds.
func elapsed(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
