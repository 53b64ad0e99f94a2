mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  bucket = "example-state"
}

run "state_is_versioned_encrypted_and_private" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "The state is not versioned."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    error_message = "The state is not encrypted with a key of its own."
  }

  assert {
    condition     = aws_kms_key.state.enable_key_rotation
    error_message = "The key is not rotated."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "The bucket can be made public."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.state.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Access lists are in force."
  }

  assert {
    condition     = length(aws_s3_bucket_logging.state) == 0
    error_message = "There is a log, although no bucket for it was given."
  }
}

run "plain_http_is_refused" {
  command = plan

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The bucket answers without TLS."
  }

  assert {
    condition     = toset(jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Resource) == toset(["arn:aws:s3:::example-state", "arn:aws:s3:::example-state/*"])
    error_message = "The rule does not cover the bucket and its objects."
  }
}

run "old_versions_stay_as_long_as_was_asked_for" {
  command = plan

  variables {
    noncurrent_days = 30
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].noncurrent_days == 30
    error_message = "Old versions are not deleted after noncurrent_days."
  }
}

run "access_is_logged_where_a_bucket_is_given" {
  command = plan

  variables {
    access_log_bucket = "example-logs"
  }

  assert {
    condition     = aws_s3_bucket_logging.state[0].target_bucket == "example-logs" && aws_s3_bucket_logging.state[0].target_prefix == "example-state/"
    error_message = "The log does not go to access_log_bucket."
  }
}

run "a_bucket_name_with_capitals_is_refused" {
  command = plan

  variables {
    bucket = "Example_State"
  }

  expect_failures = [var.bucket]
}

run "versions_that_are_deleted_too_early_are_refused" {
  command = plan

  variables {
    noncurrent_days = 7
  }

  expect_failures = [var.noncurrent_days]
}

run "a_log_bucket_that_is_no_name_is_refused" {
  command = plan

  variables {
    access_log_bucket = "s3://logs"
  }

  expect_failures = [var.access_log_bucket]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
