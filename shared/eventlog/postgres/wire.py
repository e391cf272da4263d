"""Channel and headers, shared by the two sides of the Postgres event log."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CHANNEL = "stageline_log"
"""NOTIFY channel. Its payload is a topic that has new records, or a group whose members changed."""


def encode_headers(headers: Sequence[tuple[str, bytes]]) -> str:
    """Headers as the JSON of log_record.headers: pairs of name and base64."""
    return json.dumps([[name, b64encode(value).decode("ascii")] for name, value in headers])


def decode_headers(text: str | None) -> tuple[tuple[str, bytes], ...]:
    """The inverse of `encode_headers`; SQL NULL stands for none."""
    if text is None:
        return ()
    return tuple((name, b64decode(value)) for name, value in json.loads(text))


def group_tag(topic: str, group_id: str) -> str:
    """Payload of a notification that a group changed; no topic has a space in its name."""
    return f"{topic} {group_id}"
