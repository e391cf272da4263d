from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import cursors
from services.api.cursors import (
    AccountPosition,
    AlertPosition,
    TouchpointPosition,
    TransitionPosition,
)
from services.api.errors import Code, RequestRefused
from services.api.schemas.accounts import AccountsQuery

INSTANT = datetime(2026, 3, 4, 16, 12, 7, 250_000, tzinfo=UTC)
FILTERS = AccountsQuery(stage="trial")


@pytest.mark.parametrize(
    "position",
    [
        AccountPosition("a/b \U0001f600"),
        TransitionPosition(INSTANT, 3, 2**63 - 1),
        TouchpointPosition(INSTANT, "m-1"),
        AlertPosition(INSTANT, UUID("0198f2c4-7d1e-7c3a-9a51-2f6f0c6f1b11")),
    ],
)
def test_a_cursor_holds_its_position(position: msgspec.Struct) -> None:
    cursor = cursors.encode(position, "list", FILTERS)

    assert cursors.decode(cursor, type(position), "list", FILTERS) == position


def test_the_longest_id_fits_a_cursor() -> None:
    for character in ("\U0001f600", "\x01", '"'):
        cursor = cursors.encode(AccountPosition(character * 522), "list", FILTERS)

        assert len(cursor) < cursors.MAX_CHARS


def test_a_page_may_change_its_size_on_the_way() -> None:
    cursor = cursors.encode(AccountPosition("a"), "list", FILTERS)

    larger = AccountsQuery(stage="trial", limit=200, cursor=cursor)
    assert cursors.decode(cursor, AccountPosition, "list", larger).subject_id == "a"


def test_a_cursor_is_for_its_own_list_filters_and_kind() -> None:
    cursor = cursors.encode(AccountPosition("a"), "list", FILTERS)

    for kind, listing, filters in (
        (AccountPosition, "other", FILTERS),
        (AccountPosition, "list", AccountsQuery(stage="other")),
        (TouchpointPosition, "list", FILTERS),
    ):
        with pytest.raises(RequestRefused) as refused:
            cursors.decode(cursor, kind, listing, filters)
        assert refused.value.code is Code.INVALID_CURSOR


def test_a_position_that_no_list_can_have_is_refused_even_with_a_right_checksum() -> None:
    forged = cursors.encode(AccountPosition("a\x00b"), "list", FILTERS)

    with pytest.raises(RequestRefused):
        cursors.decode(forged, AccountPosition, "list", FILTERS)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_and_never_a_fault(text: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        cursors.decode(text, AccountPosition, "list", FILTERS)

    assert refused.value.code is Code.INVALID_CURSOR


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_cursor_with_one_character_changed_is_refused(place: int, character: int) -> None:
    cursor = cursors.encode(AccountPosition("acme"), "list", FILTERS)
    at = place % len(cursor)
    changed = cursor[:at] + chr(character) + cursor[at + 1 :]
    if changed == cursor:
        return

    with pytest.raises(RequestRefused):
        cursors.decode(changed, AccountPosition, "list", FILTERS)
