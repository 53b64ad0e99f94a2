// Command content is the blog's content service.
package main

import (
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // collectors of traces have certificates of public authorities, and the image has none

	"blogplatform.io/operator/services/content/service"
)

func main() { os.Exit(service.Main()) }
