"""Random sets of events about few names, and the ways in which such a set may arrive.

Few names, so that statements meet: addresses and records of several people, devices in several hands,
accounts and records of accounts, aliases, merges, unmerges, leaves and deletions.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from shared.contracts import names
from shared.contracts.envelope import Envelope
from tests.support.touchpoints import event

START = datetime(2026, 1, 5, tzinfo=UTC)
LAST_MINUTE = 30

USERS = ("u1", "u2", "u3")
EMAILS = ("e1@x.example", "e2@x.example", "e3@x.example")
DEVICES = ("d1", "d2", "d3")
RECORDS = ("hubspot:contact:1", "hubspot:contact:2", "stripe:customer:1")
OBJECTS = ("hubspot:deal:1", "hubspot:deal:2")
ACCOUNTS = ("a1", "a2", "a3")
COMPANIES = ("hubspot:company:1", "hubspot:company:2")
STORED_NAMES = (
    *(f"user:{each}" for each in USERS),
    *(f"email:{each}" for each in EMAILS),
    *(f"external:{each}" for each in RECORDS),
    *(f"anonymous:{each}" for each in DEVICES),
)

Fields = dict[str, Any]
_FIELD = {
    names.USER: "user_id",
    names.EXTERNAL: "external_id",
    names.EMAIL: "email",
    names.ANONYMOUS: "anonymous_id",
}


def _maybe(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    """None two times in five: events with every name are rare."""
    return st.sampled_from([None, None, *values])


_one_person = st.one_of(
    st.sampled_from(USERS).map(lambda value: {"user_id": value}),
    st.sampled_from(EMAILS).map(lambda value: {"email": value}),
    st.sampled_from(RECORDS).map(lambda value: {"external_id": value}),
    st.sampled_from(DEVICES).map(lambda value: {"anonymous_id": value}),
)
_people = st.fixed_dictionaries(
    {
        "user_id": _maybe(USERS),
        "email": _maybe(EMAILS),
        "external_id": _maybe(RECORDS),
        "anonymous_id": _maybe(DEVICES),
    }
).filter(lambda fields: any(fields.values()))
_objects = st.sampled_from(OBJECTS).map(lambda value: {"external_id": value})
_accounts = st.one_of(
    st.sampled_from(ACCOUNTS).map(lambda value: {"account_id": value}),
    st.sampled_from(COMPANIES).map(lambda value: {"account_external_id": value}),
    st.builds(
        lambda record, account: {"account_external_id": record, "account_id": account},
        st.sampled_from(COMPANIES),
        st.sampled_from(ACCOUNTS),
    ),
    st.sampled_from(COMPANIES).map(
        lambda record: {"account_external_id": record, "account_id": record}
    ),
)
_no_account: st.SearchStrategy[Fields] = st.just({})
_previous = st.one_of(
    st.lists(st.sampled_from(STORED_NAMES), min_size=1, max_size=2, unique=True).map(
        lambda value: {"previous_names": value}
    ),
    st.sampled_from((*USERS, *EMAILS, *DEVICES, *RECORDS)).map(
        lambda value: {"previous_id": value}
    ),
)
_two_accounts = (
    st.sampled_from(ACCOUNTS).map(lambda value: {"account_id": value}),
    st.sampled_from(ACCOUNTS).map(lambda value: {"previous_account_id": value}),
)
_two_records = (
    st.sampled_from(COMPANIES).map(lambda value: {"account_external_id": value}),
    st.sampled_from(COMPANIES).map(lambda value: {"previous_account_id": value}),
)


def _fields(kind: str, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """Fields of one type of event, of the parts that it needs."""

    def together(*drawn: Fields) -> Fields:
        fields = {"type": kind}
        for each in drawn:
            fields |= each
        return fields

    return st.builds(together, *parts)


_plain = _fields("track", _people, st.one_of(_no_account, _accounts))
_with_further_names = _fields(
    "identify",
    _one_person,
    st.lists(st.sampled_from(STORED_NAMES), min_size=1, max_size=2, unique=True).map(
        lambda value: {"previous_names": value}
    ),
    st.one_of(_no_account, _accounts),
)
_object = _fields("track", _objects, st.one_of(_no_account, _accounts))
_impersonal = _fields("track", _accounts)
_alias = _fields("alias", _one_person, _previous, _no_account)
_alias_beside = _fields("alias", _people, _previous, st.one_of(_no_account, _accounts))
_alias_objects = _fields(
    "alias",
    _objects,
    st.sampled_from(OBJECTS).map(lambda value: {"previous_names": [f"external:{value}"]}),
    st.one_of(_no_account, _accounts),
)
_unmerge = _fields("unmerge", _one_person, _previous)
_merge = st.one_of(_fields("merge", *_two_accounts), _fields("merge", *_two_records))
_unmerge_account = st.one_of(_fields("unmerge", *_two_accounts), _fields("unmerge", *_two_records))
_leave = _fields("leave", st.one_of(_one_person, _objects), _accounts)
_deletion = _fields(
    "track",
    st.sampled_from((*RECORDS, *OBJECTS)).map(
        lambda value: {"external_id": value, "is_about_record": True}
    ),
    st.one_of(_no_account, _accounts),
)

# A shape that stands here several times is as many times as likely.
_any_fields = st.one_of(
    _plain, _plain, _plain, _with_further_names, _object, _impersonal, _alias, _alias_beside,
    _alias_objects, _unmerge, _merge, _unmerge_account, _leave, _deletion,
)  # fmt: skip


def _named(name: str) -> Fields:
    """Fields of an event of the person of a stored name."""
    prefix, value = names.split(name)
    return {_FIELD[prefix]: value}


def _dispute(one: str, between: str, other: str) -> list[Fields]:
    """Two aliases that make one person of three names, and an unmerge of the ends."""
    return [
        {"type": "alias", **_named(one), "previous_names": [between]},
        {"type": "alias", **_named(between), "previous_names": [other]},
        {"type": "unmerge", **_named(one), "previous_names": [other]},
    ]


def _correction(one: str, other: str, device: str) -> list[Fields]:
    """Two addresses beside one device."""
    return [{"email": one, "anonymous_id": device}, {"email": other, "anonymous_id": device}]


# Statements that belong together: drawn one by one they would seldom meet.
_stories = st.one_of(
    st.permutations(STORED_NAMES).map(lambda drawn: _dispute(*drawn[:3])),
    st.builds(_correction, *(st.sampled_from(each) for each in (EMAILS, EMAILS, DEVICES))),
    st.lists(_any_fields, min_size=1, max_size=4),
    st.lists(_any_fields, min_size=1, max_size=4),
)


@st.composite
def event_sets(draw: st.DrawFn, *, max_stories: int = 5) -> list[Envelope]:
    """Up to four times as many touchpoints as stories; some happened at the same instant."""
    shapes = [
        fields
        for story in draw(st.lists(_stories, min_size=1, max_size=max_stories))
        for fields in story
    ]
    return [
        event(
            fields.get("type", "track"),
            START + timedelta(minutes=draw(st.integers(0, LAST_MINUTE))),
            tie=draw(st.integers(-1, 1)),
            message_id=f"m{number:02}",
            **fields,
        )
        for number, fields in enumerate(shapes)
    ]


@st.composite
def arrivals(
    draw: st.DrawFn, events: Sequence[Envelope], *, max_batches: int = 4
) -> list[list[Envelope]]:
    """Batches in which the events arrive: in any order, some of them twice, none missing."""
    repeated = draw(st.lists(st.sampled_from(events), max_size=len(events)))
    order = draw(st.permutations([*events, *repeated]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=max_batches - 1, unique=True)))
    ends = pairwise([0, *cuts, len(order)])
    return [batch for start, end in ends if (batch := list(order[start:end]))]
