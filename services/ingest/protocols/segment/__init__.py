"""Segment's HTTP Tracking API."""
