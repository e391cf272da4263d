"""`POST /v1/webhooks/{provider}/{source_id}`: deliveries of providers."""
