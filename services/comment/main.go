// Command comment is the blog's comment service.
package main

import (
	"os"

	"blogplatform.io/operator/services/comment/service"
)

func main() { os.Exit(service.Main()) }
