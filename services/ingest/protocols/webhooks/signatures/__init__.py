"""Signatures of webhooks: raw bytes, headers, secrets and the time in, a verdict out. Pure.

Bytes are compared in constant time, every active secret is tried, and a timestamp is accepted within five
minutes in either direction.
"""
