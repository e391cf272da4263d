"""Postgres in, answers out: stage, history, alerts, maps."""
