"""Settings that browser SDKs fetch before they send."""
