"""What tests of several suites share: databases, services, ways of waiting."""
