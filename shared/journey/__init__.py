"""The journey engine: pure decisions about stages.

Data types and arithmetic only: no I/O, no clock, no logging, no JSON, no pydantic. The same inputs give
the same outputs, for ever; docs/decisions/0006 says why.
"""
