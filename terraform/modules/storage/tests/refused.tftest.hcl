mock_provider "aws" {}

variables {
  name                   = "blog"
  vpc_id                 = "vpc-1"
  subnet_ids             = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  client_security_groups = { workers = "sg-0a1b2c3d" }
  bucket_prefix          = "example-blog"
}

run "a_name_that_begins_with_a_digit" {
  command = plan

  variables {
    name = "1blog"
  }

  expect_failures = [var.name]
}

run "two_zones" {
  command = plan

  variables {
    subnet_ids = { a = "subnet-a", b = "subnet-b" }
  }

  expect_failures = [var.subnet_ids]
}

run "nobody_who_mounts" {
  command = plan

  variables {
    client_security_groups = {}
  }

  expect_failures = [var.client_security_groups]
}

run "an_access_point_at_the_root" {
  command = plan

  variables {
    access_points = { all = { path = "/", uid = 1000, gid = 1000 } }
  }

  expect_failures = [var.access_points]
}

run "an_access_point_of_root" {
  command = plan

  variables {
    access_points = { media = { path = "/media", uid = 0, gid = 0 } }
  }

  expect_failures = [var.access_points]
}

run "an_access_point_that_everybody_reads" {
  command = plan

  variables {
    access_points = { media = { path = "/media", uid = 1000, gid = 1000, permissions = "0755" } }
  }

  expect_failures = [var.access_points]
}

run "a_prefix_with_capitals" {
  command = plan

  variables {
    bucket_prefix = "Example"
  }

  expect_failures = [var.bucket_prefix]
}

run "deletes_that_cannot_be_undone" {
  command = plan

  variables {
    noncurrent_days = { backups = 1, media = 90 }
  }

  expect_failures = [var.noncurrent_days]
}

run "a_copy_of_a_bucket_that_does_not_exist" {
  command = plan

  variables {
    replication = { logs = { bucket_arn = "arn:aws:s3:::elsewhere", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1" } }
  }

  expect_failures = [var.replication]
}

run "a_copy_to_a_name" {
  command = plan

  variables {
    replication = { media = { bucket_arn = "elsewhere", kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1" } }
  }

  expect_failures = [var.replication]
}

run "a_vpc_by_its_name" {
  command = plan

  variables {
    vpc_id = "blog"
  }

  expect_failures = [var.vpc_id]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
