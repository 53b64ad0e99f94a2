mock_provider "aws" {}

variables {
  name                     = "blog"
  vpc_id                   = "vpc-1"
  subnet_ids               = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  worker_security_group_id = "sg-0a1b2c3d"
}

run "a_name_that_ends_with_a_hyphen" {
  command = plan

  variables {
    name = "blog-"
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

run "a_port_that_is_no_node_port" {
  command = plan

  variables {
    node_ports = { http = 80, https = 30443 }
  }

  expect_failures = [var.node_ports]
}

run "one_port_for_both" {
  command = plan

  variables {
    node_ports = { http = 30443, https = 30443 }
  }

  expect_failures = [var.node_ports]
}

run "nobody_allowed" {
  command = plan

  variables {
    allowed_cidrs = []
  }

  expect_failures = [var.allowed_cidrs]
}

run "an_unknown_place_for_tls" {
  command = plan

  variables {
    tls_at = "pod"
  }

  expect_failures = [var.tls_at]
}

run "tls_at_the_load_balancer_without_a_certificate" {
  command = plan

  variables {
    tls_at = "nlb"
  }

  expect_failures = [aws_lb.this]
}

run "a_certificate_that_nothing_uses" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }

  expect_failures = [aws_lb.this]
}

run "a_certificate_of_iam" {
  command = plan

  variables {
    tls_at          = "nlb"
    certificate_arn = "arn:aws:iam::123456789012:server-certificate/blog"
  }

  expect_failures = [var.certificate_arn]
}

run "an_access_log_that_would_stay_empty" {
  command = plan

  variables {
    access_log_bucket = "example-logs"
  }

  expect_failures = [aws_lb.this]
}

run "a_log_bucket_that_is_no_name" {
  command = plan

  variables {
    tls_at            = "nlb"
    certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    access_log_bucket = "s3://logs"
  }

  expect_failures = [var.access_log_bucket]
}

run "a_vpc_by_its_name" {
  command = plan

  variables {
    vpc_id = "blog"
  }

  expect_failures = [var.vpc_id]
}

run "a_security_group_by_its_name" {
  command = plan

  variables {
    worker_security_group_id = "workers"
  }

  expect_failures = [var.worker_security_group_id]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
