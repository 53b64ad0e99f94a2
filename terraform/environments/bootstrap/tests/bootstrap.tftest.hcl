mock_provider "aws" {}

variables {
  region = "eu-central-1"
  bucket = "example-state"
}

run "the_output_configures_the_backend_of_other_roots" {
  command = plan

  assert {
    condition     = output.backend == "bucket = \"example-state\"\nregion = \"eu-central-1\"\n"
    error_message = "The backend's settings are others."
  }
}

run "a_region_that_is_none_is_refused" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}
