"""What RudderStack's SDKs call beside Segment's paths."""
