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

run "a_key_for_certs_by_its_alias" {
  command = plan

  variables {
    certs_kms_key_arn = "alias/blog"
  }

  expect_failures = [var.certs_kms_key_arn]
}

run "a_key_for_storage_by_its_alias" {
  command = plan

  variables {
    storage_kms_key_arn = "alias/blog"
  }

  expect_failures = [var.storage_kms_key_arn]
}

run "a_key_for_ebs_by_its_alias" {
  command = plan

  variables {
    ebs_kms_key_arn = "alias/blog"
  }

  expect_failures = [var.ebs_kms_key_arn]
}

run "a_file_system_by_its_id" {
  command = plan

  variables {
    file_system_arn = "fs-1"
  }

  expect_failures = [var.file_system_arn]
}

run "a_zone_by_its_domain" {
  command = plan

  variables {
    zone_id = "example.com"
  }

  expect_failures = [var.zone_id]
}

run "a_bucket_for_backups_by_its_address" {
  command = plan

  variables {
    backups_bucket = "s3://backups"
  }

  expect_failures = [var.backups_bucket]
}

run "a_bucket_for_media_by_its_address" {
  command = plan

  variables {
    media_bucket = "s3://media"
  }

  expect_failures = [var.media_bucket]
}

run "a_state_with_a_slash_in_front" {
  command = plan

  variables {
    state = { bucket = "example-state", key = "/blog.tfstate", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  expect_failures = [var.state]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
