"""The part of the OpenAPI document that ingest answers for, one file a protocol."""
