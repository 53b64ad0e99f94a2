package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/status"
)

func (c *cli) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "history [NAME]",
		Short:             "List the releases of a platform, newest first",
		Example:           `  kubectl blog history -n g11-prod`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			_, p, err := c.platform(command.Context(), args)
			if err != nil {
				return err
			}
			if len(p.Status.History) == 0 {
				fmt.Fprintf(c.ErrOut, "BlogPlatform %s has no releases yet\n", p.Key())
				return nil
			}
			fmt.Fprint(c.Out, c.style().Table(historyRows(p, c.now())))
			return nil
		},
	}
}

func historyRows(p *platform.Platform, now time.Time) [][]string {
	rows := [][]string{{"", "VERSION", "OUTCOME", "STARTED", "TOOK", "DIGEST", "WHY"}}
	for _, record := range p.Status.History {
		current := ""
		if record.Digest == p.Status.Release.Current.Digest && record.Version == p.Status.Release.Current.Version {
			current = "*"
		}
		rows = append(rows, []string{
			current, record.Version, string(record.Outcome), record.StartTime.UTC().Format("2006-01-02 15:04:05"),
			took(record, now), record.Digest, why(record),
		})
	}
	return rows
}

func took(record v1alpha1.ReleaseRecord, now time.Time) string {
	if record.CompletionTime == nil {
		return status.Age(now.Sub(record.StartTime.Time)) + " so far"
	}
	return status.Age(record.CompletionTime.Sub(record.StartTime.Time))
}

// why a release ended as it did, and how it came to begin where the gate was closed.
func why(record v1alpha1.ReleaseRecord) string {
	var parts []string
	for _, text := range []string{record.Reason, record.Message} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if record.Override != "" {
		parts = append(parts, "let through by an override: "+record.Override)
	}
	return strings.Join(parts, ": ")
}
