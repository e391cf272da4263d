"""Small parts of the stager: cache, poison cap, bulk arguments, old events, driver errors."""

import asyncpg
import pytest

from services.stager.errors import Conflict, DataRejected
from services.stager.folding import kept_touchpoint, touchpoint
from services.stager.poison import PoisonCap
from services.stager.store.bulk import bulk
from services.stager.store.session import translated
from services.stager.subjects import Cache
from shared.contracts import envelope as wire
from shared.errors import DatabaseUnavailable, FatalError, StagelineError


def test_the_cache_keeps_what_is_used_and_stays_within_its_capacity() -> None:
    cache: Cache[int, str] = Cache(10)
    for number in range(100):
        cache.put(number, str(number))
        assert cache.get(0) == "0"

    assert cache.get(99) == "99"
    assert cache.get(50) is None
    assert len(cache) <= 12


def test_what_is_dropped_is_gone_from_both_generations() -> None:
    cache: Cache[int, str] = Cache(2)
    for number in range(3):
        cache.put(number, "x")

    cache.drop([0, 1, 2, 3])

    assert [cache.get(number) for number in range(3)] == [None, None, None]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([True] * 9, False),
        ([True] * 10, True),
        ([False] * 4 + [True] * 6, True),
        ([False] * 5 + [True] * 5, False),
        ([False, True] * 50, False),
        ([False] * 100 + [True] * 6, True),
    ],
)
def test_the_cap_trips_when_most_of_a_full_window_is_poison(
    verdicts: list[bool],
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert PoisonCap(window=10, ratio=0.5).trips(verdicts) is expected


def test_the_cap_remembers_across_batches() -> None:
    cap = PoisonCap(window=10, ratio=0.5)

    assert not cap.trips([False] * 5)
    assert cap.trips([True] * 6)


def test_text_travels_joined_and_null_apart_from_every_text() -> None:
    statement = bulk("INSERT INTO t SELECT * FROM {rows}", "int", "text", "float8", "text[]")

    separator, ints, texts, floats, arrays = statement.arguments(
        [(1, "a", 1.5, ""), (2, None, None, "x")]
    )

    assert (ints, floats, arrays) == ((1, 2), (1.5, None), ("", "x"))
    assert texts.split(separator) == ["a", separator[1:]]
    assert statement.sql == (
        "INSERT INTO t SELECT * FROM unnest($2::int[],"
        " string_to_array($3, $1, substr($1, 2)), $4::float8[], $5::text[])"
    )


def test_one_empty_text_is_refused_because_it_would_vanish() -> None:
    with pytest.raises(DataRejected):
        bulk("{rows}", "text").arguments([("",)])


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (asyncpg.SerializationError("x"), Conflict),
        (asyncpg.DeadlockDetectedError("x"), Conflict),
        (asyncpg.AdminShutdownError("x"), DatabaseUnavailable),
        (asyncpg.CannotConnectNowError("x"), DatabaseUnavailable),
        (asyncpg.DiskFullError("x"), DatabaseUnavailable),
        (asyncpg.TooManyConnectionsError("x"), DatabaseUnavailable),
        (asyncpg.QueryCanceledError("x"), DatabaseUnavailable),
        (asyncpg.LockNotAvailableError("x"), DatabaseUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("x"), DatabaseUnavailable),
        (asyncpg.ConnectionDoesNotExistError("x"), DatabaseUnavailable),
        (asyncpg.InterfaceError("connection is closed"), DatabaseUnavailable),
        (ConnectionRefusedError(), DatabaseUnavailable),
        (TimeoutError(), DatabaseUnavailable),
        (asyncpg.DataError("x"), DataRejected),
        (asyncpg.CharacterNotInRepertoireError("x"), DataRejected),
        (asyncpg.NotNullViolationError("x"), DataRejected),
        (asyncpg.ProgramLimitExceededError("x"), DataRejected),
        (asyncpg.UndefinedTableError("x"), FatalError),
        (asyncpg.InsufficientPrivilegeError("x"), FatalError),
        (ValueError("x"), None),
    ],
)
def test_each_driver_error_means_one_thing(
    error: Exception, meaning: type[StagelineError] | None
) -> None:
    found = translated(error)

    assert (None if found is None else type(found)) is meaning


_FULL = """{
    "workspace_id": 7, "message_id": "m-1", "event": "Demo Requested",
    "occurred_at": "2026-01-05T11:00:00+02:00", "received_at": "2026-01-05T09:00:01Z",
    "user_id": "leah", "channel": "website", "role": "champion", "value": 12.5,
    "properties": {"plan": "pro"}, "traits": {"title": "CTO"}, "account_traits": {"seats": 40},
    "context": {"ip": "192.0.2.7"}, "sentiment": 4%s
}"""
_BARE = """{
    "workspace_id": 7, "message_id": "m-2", "event": "Page Viewed",
    "occurred_at": "2026-01-05T09:00:00Z", "received_at": "2026-01-05T09:00:01Z"%s
}"""


@pytest.mark.parametrize("text", [_FULL, _BARE])
@pytest.mark.parametrize("more", ["", ', "person": "user:mallory"', ', "person": [1], "order": {}'])
@pytest.mark.parametrize("person", ["user:leah", None])
def test_an_old_event_reads_as_it_did_when_it_was_new(
    text: str, more: str, person: str | None
) -> None:
    new = touchpoint(wire.decode(text.replace("%s", "").encode()), person)

    old = kept_touchpoint(text % more, person)

    assert old == new
    assert old.person == person
    assert old.occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"
