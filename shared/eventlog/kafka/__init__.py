"""The event log on Apache Kafka, by aiokafka."""
