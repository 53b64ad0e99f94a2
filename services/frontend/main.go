// Command frontend is the blog's frontend service.
package main

import (
	"os"

	"blogplatform.io/operator/services/frontend/service"
)

func main() { os.Exit(service.Main()) }
