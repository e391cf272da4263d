"""Subjects and their members as values, and the bounded cache of them. Pure."""
