"""`GET /v1/pixel.gif`: a touchpoint in the address of an image."""
