"""Tools of development and tests: a local Kafka, and the services as processes on top of it."""
