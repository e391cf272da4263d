"""Pydantic models of requests and responses, with their examples: they validate, serialize, document.

One module for each resource. Every response is built from these models except that of the stage query,
whose struct in `stage.py` has the same fields (tested).
"""
