"""What is deployed: the compose file, the alert rules, the local Kafka."""
