"""`POST /v1/people/{person}:erase`: erasure of a person."""
