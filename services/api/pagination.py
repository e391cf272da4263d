"""Pages of lists: a list reads one row more than a page holds, and goes on after the page's last.

Every list takes a `PageQuery` and answers a `ListOf`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from services.api import cursors
from services.api.schemas.base import PageQuery

Row = TypeVar("Row")
P = TypeVar("P", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of a page, and the cursor of the next one or None."""

    rows: Sequence[Row]
    next_cursor: str | None


def position(query: PageQuery, kind: type[P], listing: str) -> P | None:
    """Position that the page follows; None for the first. Raises RequestRefused(invalid_cursor).

    `listing` names the list: a cursor holds for the list and the filters that it came from.
    """
    if query.cursor is None:
        return None
    return cursors.decode(query.cursor, kind, listing, query)


def paginate(
    rows: Sequence[Row],
    query: PageQuery,
    listing: str,
    position_of: Callable[[Row], msgspec.Struct],
) -> Page[Row]:
    """Page of `rows`, of which up to `query.limit + 1` were read."""
    page = rows[: query.limit]
    has_more = len(rows) > query.limit
    cursor = cursors.encode(position_of(page[-1]), listing, query) if has_more else None
    return Page(page, cursor)
