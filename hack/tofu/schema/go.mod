module blogplatform.io/operator/hack/tofu/schema

go 1.26.0

// Data only: config/schema.json is what `terraform providers schema -json` printed
// for the AWS provider. No package is imported, so `go mod tidy` would remove it.
require github.com/upbound/provider-aws v1.23.0
