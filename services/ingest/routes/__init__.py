"""Ways in: one file a protocol, from a request to its answer. What is taken in, `service` stores."""
