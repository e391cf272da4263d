"""Journey maps: YAML and JSON to the engine's model and back, lint, ready templates."""
