"""Whether a webhook comes from its provider: raw bytes and headers in, a verdict out. Pure."""
