"""The stored form of message ids: told apart by sender, and readable as sent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import MAX_MESSAGE_ID_CHARS
from shared.contracts.message_ids import (
    MAX_STORED_CHARS,
    as_sent,
    in_slot,
    narrowed,
    neighbour,
    scope,
)

SOURCE = "src_0a1b2c3d4e5f0a1b2c3d4e5f"
SCOPES = [
    scope(is_public=is_public, source_id=source_id)
    for is_public in (True, False)
    for source_id in (None, SOURCE, "src_0a1b2c3d4e5f0a1b2c3d4e60", "w", "s")
]
NAMES = (None, b"billing", b"shop")


def stored(of: str, sent: str, name: bytes | None) -> str:
    return of + sent if name is None else narrowed(of + sent, name)


sent_ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)
common_ids = st.text(st.characters(min_codepoint=0x22, exclude_categories=["Cs"]), min_size=1)
scopes, names = st.sampled_from(SCOPES), st.sampled_from(NAMES)


@given(sent_ids, scopes, names)
def test_an_id_is_read_as_it_was_sent_whatever_it_looks_like(
    sent: str, of: str, name: bytes | None
) -> None:
    assert as_sent(stored(of, sent, name)) == sent


@given(sent_ids, scopes, names, scopes, names)
def test_an_id_in_the_form_of_a_stored_one_stays_in_the_scope_of_its_sender(
    sent: str, of: str, name: bytes | None, other: str, other_name: bytes | None
) -> None:
    imitated = stored(other, sent, other_name)

    assert as_sent(stored(of, imitated, name)) == imitated
    assert stored(of, imitated, name) != imitated


@given(sent_ids, sent_ids)
def test_no_two_scopes_hold_one_id(one: str, other: str) -> None:
    made = [{stored(of, sent, name) for sent in (one, other)} for of in SCOPES for name in NAMES]

    assert len(set().union(*made)) == sum(map(len, made))


@given(st.lists(common_ids, max_size=20, unique=True), scopes, st.sampled_from(NAMES[1:]))
def test_ids_of_one_sender_keep_their_order(sent: list[str], of: str, name: bytes) -> None:
    for names_of in ([None], [name], [name, b"another"]):
        made = [stored(of, each, which) for each in sent for which in names_of]
        assert [as_sent(each) for each in sorted(made)] == sorted(sent * len(names_of))


@given(sent_ids, scopes)
def test_a_scope_within_a_scope_is_neither_of_them(sent: str, of: str) -> None:
    both = [
        narrowed(narrowed(of + sent, one), other)
        for one, other in ((b"a", b"b"), (b"b", b"a"), (b"b", b"b"))
    ]

    assert len({*both, narrowed(of + sent, b"b")}) == 4
    assert {as_sent(each) for each in both} == {sent}


def test_the_longest_id_fits_in_the_longest_scope() -> None:
    longest = narrowed(max(SCOPES, key=len) + "x" * MAX_MESSAGE_ID_CHARS, b"billing")

    assert len(longest) <= MAX_STORED_CHARS


@pytest.mark.parametrize("bare", ["invoice-1", "~", "~x/1", "w/1", "~w", "~s./1", "stripe:evt"])
def test_an_id_without_a_scope_is_itself(bare: str) -> None:
    assert (as_sent(bare), narrowed(bare, b"billing")) == (bare, bare)


MADE = "generic:" + "0f" * 32
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("is_hourly", [False, True])
def test_the_neighbour_of_an_id_is_beyond_the_nearer_edge_of_its_slot(*, is_hourly: bool) -> None:
    early, late = (MIDNIGHT + timedelta(minutes=each) for each in (-2, 3))
    ids = [scopes_id(in_slot(MADE, at, is_hourly=is_hourly)) for at in (early, late)]

    assert ids[0] != ids[1]
    beyond = [neighbour(each, at) for each, at in zip(ids, (early, late), strict=True)]
    assert [each and each[0] for each in beyond] == ids[::-1]


def test_an_id_far_from_the_edges_or_without_a_slot_has_no_neighbour() -> None:
    noon = MIDNIGHT + timedelta(hours=12)

    assert neighbour(scopes_id(in_slot(MADE, noon, is_hourly=False)), noon) is None
    for sent in ("evt_1", "ann@acme.example", "a@2026-03-01", f"{MADE}@2026-03-01Z", "@" * 90):
        assert neighbour(scopes_id(sent), MIDNIGHT) is None


def test_the_second_event_of_a_body_has_a_neighbour_of_its_own() -> None:
    at = MIDNIGHT + timedelta(minutes=1)
    beyond = neighbour(scopes_id(in_slot(MADE, at, is_hourly=False)) + ":1", at)

    assert beyond is not None
    assert beyond[0].endswith("@2026-03-01:1")


def test_a_slot_is_that_of_utc() -> None:
    local = datetime.fromisoformat("2026-03-02T00:30:00+02:00")

    assert in_slot(MADE, local, is_hourly=True).endswith("@2026-03-01T22")


def scopes_id(sent: str) -> str:
    return SCOPES[0] + sent
