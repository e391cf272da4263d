"""Commands of an operator: dead letters, verification, API keys, maps, migrations."""
