// Command frontend is the blog's frontend service.
package main

import (
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // the public name has a certificate of a public authority, and the image has none

	"blogplatform.io/operator/services/frontend/service"
)

func main() { os.Exit(service.Main()) }
