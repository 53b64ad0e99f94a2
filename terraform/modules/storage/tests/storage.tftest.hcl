mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name                   = "blog"
  vpc_id                 = "vpc-1"
  subnet_ids             = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  client_security_groups = { workers = "sg-0a1b2c3d" }
  bucket_prefix          = "example-blog"
}

run "files_are_encrypted_and_backed_up" {
  command = plan

  assert {
    condition     = aws_efs_file_system.this.encrypted && aws_kms_key.this.enable_key_rotation
    error_message = "The file system is not encrypted with a key that is rotated."
  }

  assert {
    condition     = aws_efs_backup_policy.this.backup_policy[0].status == "ENABLED"
    error_message = "The file system is not backed up."
  }
}

run "every_zone_can_mount" {
  command = plan

  assert {
    condition     = toset([for t in aws_efs_mount_target.this : t.subnet_id]) == toset(values(var.subnet_ids))
    error_message = "A zone has no mount target."
  }

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.efs : r.from_port == 2049 && r.to_port == 2049 && r.referenced_security_group_id == "sg-0a1b2c3d"])
    error_message = "The file system answers more than NFS from nodes."
  }
}

run "every_client_group_can_mount" {
  command = plan

  variables {
    client_security_groups = { workers = "sg-0a1b2c3d", control-plane = "sg-0d3c2b1a" }
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.efs) == 2
    error_message = "A group of clients has no rule."
  }
}

run "without_entries_there_are_no_access_points_and_no_copies" {
  command = plan

  assert {
    condition     = length(aws_efs_access_point.this) == 0
    error_message = "There is an access point that nobody asked for."
  }

  assert {
    condition     = length(aws_s3_bucket_replication_configuration.this) + length(aws_iam_role.replication) + length(aws_iam_role_policy.replication) == 0
    error_message = "Something of replication is there."
  }
}

run "an_access_point_has_its_owner_and_path" {
  command = plan

  variables {
    access_points = { media = { path = "/media", uid = 65532, gid = 65532 } }
  }

  assert {
    condition     = aws_efs_access_point.this["media"].posix_user[0].uid == 65532 && aws_efs_access_point.this["media"].root_directory[0].path == "/media"
    error_message = "The access point has another user or path."
  }

  assert {
    condition     = aws_efs_access_point.this["media"].root_directory[0].creation_info[0].permissions == "0750"
    error_message = "Others can read the folder."
  }
}

run "buckets_are_versioned_encrypted_and_private" {
  command = plan

  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["backups", "media"]) && aws_s3_bucket.this["backups"].bucket == "example-blog-backups"
    error_message = "The buckets are others."
  }

  assert {
    condition     = alltrue([for v in aws_s3_bucket_versioning.this : v.versioning_configuration[0].status == "Enabled"])
    error_message = "A bucket is not versioned: a wrong delete could not be undone."
  }

  assert {
    condition     = alltrue([for e in aws_s3_bucket_server_side_encryption_configuration.this : one(e.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"])
    error_message = "A bucket is not encrypted with a key of its own."
  }

  assert {
    condition     = alltrue([for b in aws_s3_bucket_public_access_block.this : b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets])
    error_message = "A bucket can be made public."
  }

  assert {
    condition     = alltrue([for purpose, p in aws_s3_bucket_policy.this : jsondecode(p.policy).Statement[0].Effect == "Deny" && jsondecode(p.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false" && contains(jsondecode(p.policy).Statement[0].Resource, "arn:aws:s3:::example-blog-${purpose}/*")])
    error_message = "A bucket answers without TLS."
  }
}

run "deleted_objects_stay_as_long_as_was_asked_for" {
  command = plan

  variables {
    noncurrent_days = { backups = 14, media = 180 }
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["backups"].rule[0].noncurrent_version_expiration[0].noncurrent_days == 14 && aws_s3_bucket_lifecycle_configuration.this["media"].rule[0].noncurrent_version_expiration[0].noncurrent_days == 180
    error_message = "The days are not those of the bucket."
  }
}

run "a_bucket_is_copied_where_asked_for" {
  command = plan

  variables {
    replication = { backups = { bucket_arn = "arn:aws:s3:::elsewhere", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1" } }
  }

  assert {
    condition     = toset(keys(aws_s3_bucket_replication_configuration.this)) == toset(["backups"])
    error_message = "Another bucket is copied."
  }

  assert {
    condition     = aws_s3_bucket_replication_configuration.this["backups"].rule[0].destination[0].bucket == "arn:aws:s3:::elsewhere" && aws_s3_bucket_replication_configuration.this["backups"].rule[0].destination[0].encryption_configuration[0].replica_kms_key_id == "arn:aws:kms:eu-west-1:123456789012:key/1"
    error_message = "The copy goes elsewhere, or is not encrypted with the key there."
  }

  assert {
    condition     = aws_s3_bucket_replication_configuration.this["backups"].rule[0].delete_marker_replication[0].status == "Disabled"
    error_message = "A delete here is one there."
  }

  assert {
    condition     = jsondecode(aws_iam_role.replication["backups"].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Another account can use the role through the service."
  }
}
