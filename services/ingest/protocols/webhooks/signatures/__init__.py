"""Whether a webhook is from whom it says: raw bytes, headers, secrets and the time in, a verdict out.

Pure. Bytes are compared in constant time, every secret in use is tried, and where a scheme knows the
time, it counts within five minutes both ways.
"""
