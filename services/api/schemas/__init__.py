"""Requests and responses as pydantic models, each with its example: checks, JSON and document.

One module for each resource. Answers are built from these models everywhere but on the stage query,
whose struct in `stage.py` has the same fields (tested).
"""
