"""What calls take and answer, as pydantic models: they check, they write JSON, they document.

One module for each resource. Answers are built from these models everywhere but on the stage query,
whose struct in `stage.py` has the same fields (tested).
"""
