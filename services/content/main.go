// Command content is the blog's content service.
package main

import (
	"os"

	"blogplatform.io/operator/services/content/service"
)

func main() { os.Exit(service.Main()) }
