mock_provider "aws" {}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  domain        = "example.com"
  hosts         = { production = ["blog.example.com"], staging = ["stg.example.com"] }
  load_balancer = { dns_name = "blog-123.elb.eu-central-1.amazonaws.com", zone_id = "Z3F0SRJ5LGBH90" }
}

run "a_domain_with_a_dot_at_the_end" {
  command = plan

  variables {
    domain = "example.com."
  }

  expect_failures = [var.domain]
}

run "an_environment_without_a_host" {
  command = plan

  variables {
    hosts = { production = [] }
  }

  expect_failures = [var.hosts]
}

run "two_environments_with_one_host" {
  command = plan

  variables {
    hosts = { production = ["blog.example.com"], staging = ["blog.example.com"] }
  }

  expect_failures = [var.hosts]
}

run "a_host_that_is_an_address" {
  command = plan

  variables {
    hosts = { production = ["https://blog.example.com"] }
  }

  expect_failures = [var.hosts]
}

run "a_host_of_another_domain" {
  command = plan

  variables {
    hosts = { production = ["blog.example.org"] }
  }

  expect_failures = [aws_route53_zone.this]
}

run "an_issuer_that_is_no_domain" {
  command = plan

  variables {
    caa_issuers = ["Let's Encrypt"]
  }

  expect_failures = [var.caa_issuers]
}

run "a_contact_that_is_no_mail_address" {
  command = plan

  variables {
    caa_contact = "security"
  }

  expect_failures = [var.caa_contact]
}

run "a_certificate_that_caa_forbids" {
  command = plan

  variables {
    certificate = true
  }

  expect_failures = [aws_acm_certificate.this]
}

run "a_load_balancer_by_its_address" {
  command = plan

  variables {
    load_balancer = { dns_name = "192.0.2.1", zone_id = "eu-central-1" }
  }

  expect_failures = [var.load_balancer]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
