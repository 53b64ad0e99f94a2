terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.82"
      # Route 53 takes keys for DNSSEC from us-east-1 only.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
