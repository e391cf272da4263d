"""One event of a request before anything is decided: its form, strict JSON, codes of refusals. Pure."""
