// Command user is the blog's user service.
package main

import (
	"os"

	"blogplatform.io/operator/services/user/service"
)

func main() { os.Exit(service.Main()) }
