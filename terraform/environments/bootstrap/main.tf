provider "aws" {
  region = var.region

  default_tags {
    tags = { ManagedBy = "terraform", Root = "bootstrap" }
  }
}

module "state" {
  source = "../../modules/state"

  bucket = var.bucket
}
