package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// run runs a command and answers what it said if it failed.
func run(ctx context.Context, command ...string) error {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// poll asks until the answer is yes, or an error, or the context ends.
func poll(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	if err := wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, ask); err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}
