"""The rules of a source for each event: consent, suppression, what is removed or hashed. Pure."""
