mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

variables {
  name               = "blog"
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

run "a_name_with_capitals" {
  command = plan

  variables {
    name = "Blog"
  }

  expect_failures = [var.name]
}

run "a_region_that_is_none" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "a_network_that_does_not_begin_at_its_first_address" {
  command = plan

  variables {
    cidr = "10.0.1.0/16"
  }

  expect_failures = [var.cidr]
}

run "a_network_too_small_for_six_subnets" {
  command = plan

  variables {
    cidr = "10.0.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "a_network_that_holds_that_of_pods" {
  command = plan

  variables {
    cidr           = "10.244.0.0/16"
    reserved_cidrs = { pods = "10.244.128.0/18" }
  }

  expect_failures = [aws_vpc.this]
}

run "a_network_within_that_of_a_peer" {
  command = plan

  variables {
    cidr           = "10.8.0.0/16"
    reserved_cidrs = { office = "10.0.0.0/8" }
  }

  expect_failures = [aws_vpc.this]
}

run "a_reserved_network_that_is_none" {
  command = plan

  variables {
    reserved_cidrs = { pods = "10.244.0.0" }
  }

  expect_failures = [var.reserved_cidrs]
}

run "two_zones" {
  command = plan

  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b"]
  }

  expect_failures = [var.availability_zones]
}

run "one_zone_twice" {
  command = plan

  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1b"]
  }

  expect_failures = [var.availability_zones]
}

run "a_zone_that_the_region_does_not_have" {
  command = plan

  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1x"]
  }

  expect_failures = [aws_vpc.this]
}

run "an_unknown_way_out" {
  command = plan

  variables {
    nat = "proxy"
  }

  expect_failures = [var.nat]
}

run "a_nat_instance_of_the_other_architecture" {
  command = plan

  variables {
    nat_instance_type = "t3.nano"
  }

  expect_failures = [var.nat_instance_type]
}

run "a_second_endpoint_for_s3" {
  command = plan

  variables {
    interface_endpoints = ["s3"]
  }

  expect_failures = [var.interface_endpoints]
}

run "days_that_cloudwatch_does_not_know" {
  command = plan

  variables {
    flow_log_days = 42
  }

  expect_failures = [var.flow_log_days]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
