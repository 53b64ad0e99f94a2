terraform {
  # Bucket and region come from the root bootstrap: tofu init -backend-config=backend.hcl
  backend "s3" {
    key          = "blog.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
