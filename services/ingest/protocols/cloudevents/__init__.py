"""`POST /v1/cloudevents`: CloudEvents 1.0."""
