package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// InstallPackages installs the Debian packages that the node needs and this
// machine lacks. It tells report which.
func InstallPackages(ctx context.Context, report func(string)) error {
	var missing []string
	for _, name := range Packages {
		if err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${Status}", name).Run(); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	report(strings.Join(missing, " "))
	if err := run(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	// The distribution's containerd service is neither needed nor started.
	install := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "-qq", "--no-install-recommends", "--no-remove"}, missing...)...)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get install %s: %w: %s", strings.Join(missing, " "), err, out)
	}
	return nil
}
