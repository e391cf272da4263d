"""All SQL of the stager: asyncpg, arrays by `unnest`, statements as module constants."""
