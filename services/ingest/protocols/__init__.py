"""One package a protocol: `route` (HTTP), `parse` (payload to candidates, pure), `document` (OpenAPI)."""
