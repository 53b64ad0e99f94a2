// Command provider is a plugin of OpenTofu that knows the schema of a provider
// and nothing else. It lets `tofu validate` and `tofu test` with mock_provider
// run where the real provider is not to be had and no account exists.
//
// Its rule: what it was not given is an error. It accepts every value that the
// schema accepts and refuses to plan, read or change anything.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

// address is the name under which OpenTofu asks for the provider.
const address = "registry.opentofu.org/hashicorp/aws"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}

func run() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the provider's folder: %w", err)
	}
	schemas, err := read(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		return err
	}
	return tf5server.Serve(address, func() tfprotov5.ProviderServer { return server{schemas: schemas} })
}
