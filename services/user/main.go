// Command user is the blog's user service.
package main

import (
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // identity providers have certificates of public authorities, and the image has none

	"blogplatform.io/operator/services/user/service"
)

func main() { os.Exit(service.Main()) }
