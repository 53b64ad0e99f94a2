mock_provider "aws" {}

variables {
  name                = "blog"
  region              = "eu-central-1"
  issuer_bucket       = "example-issuer"
  certs_bucket        = "example-certs"
  certs_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/certs"
  storage_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/storage"
  ebs_kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/ebs"
  file_system_arn     = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-1"
  zone_id             = "Z1"
  backups_bucket      = "example-backups"
  media_bucket        = "example-media"
  platforms           = { production = { namespace = "g11-prod", name = "blog" } }
}

run "a_name_that_is_too_long" {
  command = plan

  variables {
    name = "a-name-of-more-than-twenty"
  }

  expect_failures = [var.name]
}

run "a_region_that_is_a_zone" {
  command = plan

  variables {
    region = "eu-central-1a"
  }

  expect_failures = [var.region]
}

run "an_issuer_with_dots" {
  command = plan

  variables {
    issuer_bucket = "issuer.example.com"
  }

  expect_failures = [var.issuer_bucket]
}

run "a_certs_bucket_with_capitals" {
  command = plan

  variables {
    certs_bucket = "Certs"
  }

  expect_failures = [var.certs_bucket]
}

run "no_platform" {
  command = plan

  variables {
    platforms = {}
  }

  expect_failures = [var.platforms]
}

run "one_platform_in_two_environments" {
  command = plan

  variables {
    platforms = { production = { namespace = "g11", name = "blog" }, staging = { namespace = "g11", name = "blog" } }
  }

  expect_failures = [var.platforms]
}

run "a_repository_without_an_owner" {
  command = plan

  variables {
    github = { repository = "infra", refs = ["refs/heads/main"] }
    state  = { bucket = "example-state", key = "blog.tfstate", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  expect_failures = [var.github]
}

run "every_branch_of_a_repository" {
  command = plan

  variables {
    github = { repository = "acme/infra", refs = ["refs/heads/*"] }
    state  = { bucket = "example-state", key = "blog.tfstate", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  expect_failures = [var.github]
}

run "ci_without_a_state_to_plan_against" {
  command = plan

  variables {
    github = { repository = "acme/infra", refs = ["refs/heads/main"] }
  }

  expect_failures = [aws_iam_role.ci]
}
