"""Metrics of every service."""
