"""Opaque keyset cursors: the position after which a list continues, for one list and its filters.

A cursor is base64url of a version byte, a checksum and the position as JSON. The checksum covers the
list's name and its filters, so a cursor that was cut, edited or carried to another list is a clear
400. A cursor is no secret: whatever it holds, a list reads the caller's workspace only.
"""

import base64
import binascii
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel

from services.api.errors import Code, RequestRefused

_VERSION = b"\x01"
_SUM_BYTES = 8
MAX_CHARS = 8192
"""Longest valid cursor: an id of 512 characters fits, each of four bytes or escaped to six."""

_Row = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class AccountPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last account of a page."""

    subject_id: str


class ImportPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last import of a page."""

    import_id: str


class TransitionPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last transition of a page."""

    occurred_at: _Instant
    sequence: _Row
    transition_id: _Row


class TouchpointPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last touchpoint of a page."""

    occurred_at: _Instant
    message_id: str
    tie: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] = 0


class AlertPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last alert of a page."""

    opened_at: _Instant
    alert_id: UUID


class KpiPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last value of a page."""

    at: _Instant
    journey: str
    stage: str
    kpi: str
    segment: str


class SourceEventPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last event of a page."""

    source_event_id: _Row


class StatementPosition(msgspec.Struct, frozen=True, array_like=True):
    """Last statement about names of a page, by its key."""

    name: str
    other: str
    kind: str
    slot: str


class WorkspacePosition(msgspec.Struct, frozen=True, array_like=True):
    """Last workspace of a page."""

    workspace_id: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


P = TypeVar("P", bound=msgspec.Struct)


def encode(position: msgspec.Struct, listing: str, filters: BaseModel) -> str:
    """Cursor that continues after `position`; `listing` names the list."""
    body = msgspec.json.encode(position)
    return _written(_VERSION + _checksum(body, type(position), listing, filters) + body)


def decode(cursor: str, kind: type[P], listing: str, filters: BaseModel) -> P:
    """Position that `cursor` holds. Raises RequestRefused(invalid_cursor) for any other text."""
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        head, body = raw[: 1 + _SUM_BYTES], raw[1 + _SUM_BYTES :]
        is_ours = head == _VERSION + _checksum(body, kind, listing, filters)
        # The last character of base64 has several spellings; only one of them is written.
        if not is_ours or _written(raw) != cursor or b"\\u0000" in body:
            raise RequestRefused(Code.INVALID_CURSOR)
        return msgspec.json.decode(body, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as exc:
        raise RequestRefused(Code.INVALID_CURSOR) from exc


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _checksum(body: bytes, kind: type, listing: str, filters: BaseModel) -> bytes:
    values = filters.model_dump_json(exclude={"cursor", "limit"})
    digest = blake2b(body, digest_size=_SUM_BYTES, person=b"stageline-cursor")
    for part in (kind.__name__, listing, values):
        digest.update(b"\x00" + part.encode("utf-8"))
    return digest.digest()
