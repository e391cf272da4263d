"""Tests of the journey engine."""
