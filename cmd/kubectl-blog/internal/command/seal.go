package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/seal"
	"blogplatform.io/operator/internal/naming"
)

func (c *cli) sealCommand() *cobra.Command {
	var secret, certificate string
	var generate bool
	command := &cobra.Command{
		Use:   "seal NAME --cert FILE",
		Short: "Encrypt a secret for a platform's manifest, offline",
		Long: `Encrypt a value for one platform and print the ciphertext for its manifest. The value
is read from the standard input, so that it stands in no history and no list of
processes. It opens only in the cluster of the certificate, and only as the Secret
of that platform (strict scope), so seal it anew for every environment.

The certificate is public: kubeseal --fetch-cert prints it.`,
		Example: `  kubectl blog seal blog -n g11-prod --cert sealing.pem --generate
  head -c 32 /dev/urandom | kubectl blog seal blog -n g11-prod --cert sealing.pem`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeNames,
		RunE: func(_ *cobra.Command, args []string) error {
			if *c.flags.Namespace == "" {
				return errors.New("name the namespace by -n: what is sealed for another one never opens")
			}
			ciphertext, found, err := c.sealed(secret, certificate, generate, naming.Platform{Namespace: *c.flags.Namespace, Name: args[0]})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOut, "%s for %s of BlogPlatform %s/%s in the cluster of that certificate\n", c.errStyle().Mark(screen.OK), found.Field, *c.flags.Namespace, args[0])
			fmt.Fprintln(c.Out, ciphertext)
			return nil
		},
	}
	command.Flags().StringVar(&secret, "secret", "cookies", "which secret it is: cookies, oidc or scim")
	command.Flags().StringVar(&certificate, "cert", "", "file with the certificate of the Sealed Secrets controller")
	command.Flags().BoolVar(&generate, "generate", false, "seal a random value that nobody sees")
	_ = command.MarkFlagRequired("cert")
	_ = command.RegisterFlagCompletionFunc("secret", cobra.FixedCompletions(seal.Names(), cobra.ShellCompDirectiveNoFileComp))
	return command
}

func (c *cli) sealed(secret, file string, generate bool, platform naming.Platform) (string, seal.Secret, error) {
	found, err := seal.Find(secret)
	if err != nil {
		return "", found, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", found, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := seal.Certificate(content, c.now())
	if err != nil {
		return "", found, fmt.Errorf("certificate %s: %w", file, err)
	}
	value, err := c.value(generate)
	if err != nil {
		return "", found, err
	}
	ciphertext, err := found.Encrypt(key, platform, value)
	return ciphertext, found, err
}

func (c *cli) value(generate bool) ([]byte, error) {
	if generate {
		return seal.Generate()
	}
	value, err := io.ReadAll(c.In)
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	return value, nil
}
