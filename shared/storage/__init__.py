"""Postgres: declared tables, connections, and the SQL that more than one service needs."""
