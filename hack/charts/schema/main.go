// Command schema writes the JSON schema for the values of charts/blogplatform,
// from the CustomResourceDefinition in config/crd.
//
// Its rule: what the chart refuses is what the API server would refuse, so it
// states no limit of its own.
package main

import (
	"fmt"
	"os"

	"blogplatform.io/operator/config/crd"
)

func main() {
	schema, err := ofValues(crd.BlogPlatforms)
	if err == nil && len(os.Args) != 2 {
		err = fmt.Errorf("usage: schema FILE")
	}
	if err == nil {
		err = os.WriteFile(os.Args[1], schema, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "writing the schema of the chart's values:", err)
		os.Exit(1)
	}
}
