"""Periods of timelines, by hand and against the stager's own reading of the same timeline."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.api.identity.timelines import Period, Timeline, memberships, timeline, uses
from services.stager.identity.timeline import Entry, account_at, user_at
from shared.contracts.timelines import StoredEntry

_START = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return _START + timedelta(days=number)


def entry(number: int, value: str, *, is_left: bool = False, tie: int = 0) -> StoredEntry:
    return StoredEntry(day(number), "m", value, is_left, tie)


def as_in_the_stager(stored: Timeline) -> tuple[Entry, ...]:
    return tuple(
        Entry((each.occurred_at, each.tie, each.message_id), each.value, each.is_left)
        for each in stored
    )


def period(value: str, since: int, until: int | None = None) -> Period:
    return Period(value=value, since=day(since), until=None if until is None else day(until))


def test_a_person_who_changed_company_was_in_the_first_until_then() -> None:
    accounts = (entry(1, "first"), entry(3, "second"))

    assert memberships(accounts) == [period("first", 1, 3), period("second", 3)]


def test_leaving_the_newer_of_two_accounts_leads_back_to_the_older() -> None:
    accounts = (entry(1, "first"), entry(3, "second"), entry(5, "second", is_left=True))

    assert memberships(accounts) == [
        period("first", 1, 3),
        period("second", 3, 5),
        period("first", 5),
    ]


def test_after_the_only_account_was_left_there_is_none() -> None:
    accounts = (entry(1, "first"), entry(3, "first", is_left=True))

    assert memberships(accounts) == [period("first", 1, 3)]


def test_merged_accounts_are_one_membership() -> None:
    accounts = (entry(1, "old"), entry(3, "new"))

    assert memberships(accounts, {"old": "new", "new": "new"}.__getitem__) == [period("new", 1)]


def test_a_device_is_a_persons_between_two_others() -> None:
    users = (entry(1, "user:amy"), entry(3, "email:ben@x.example"), entry(4, "user:amy"))

    assert uses(users, {"user:amy"}, "anonymous:d") == [
        period("anonymous:d", 1, 3),
        period("anonymous:d", 4),
    ]


def test_a_timeline_that_is_too_long_says_nothing() -> None:
    users = tuple(entry(number, f"user:u-{number}") for number in range(201))

    assert uses(users, {"user:u-1"}, "anonymous:d") == []
    assert memberships(users) == []


def test_stored_json_is_read() -> None:
    of_an_older_release = '[["2026-03-02T00:00:00Z","m","acme",false]]'
    text = '[["2026-03-02T00:00:00Z","m","acme",false,7]]'

    assert timeline(of_an_older_release) == (entry(1, "acme"),)
    assert timeline(text) == (entry(1, "acme", tie=7),)
    assert timeline(None) == ()


_entries = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from("abc"), st.booleans()), max_size=8
).map(
    lambda drawn: tuple(
        entry(number, value, is_left=is_left, tie=place)
        for place, (number, value, is_left) in enumerate(sorted(drawn, key=lambda each: each[0]))
    )
)


@given(_entries)
def test_memberships_say_what_the_stager_says_at_every_instant(accounts: Timeline) -> None:
    periods = memberships(accounts)

    for number in range(8):
        at = day(number)
        present = next(
            (
                each.value
                for each in periods
                if each.since <= at and (each.until is None or at < each.until)
            ),
            None,
        )
        has_begun = any(not each.is_left and each.occurred_at <= at for each in accounts)
        expected = account_at(as_in_the_stager(accounts), (at, 99, "n"))
        if has_begun:
            assert present == expected
        else:
            # Before the first, the first: the periods begin where somebody joined.
            assert present is None
            assert expected == next((each.value for each in accounts if not each.is_left), None)


@given(_entries)
def test_uses_say_what_the_stager_says_at_every_instant(users: Timeline) -> None:
    by_name = {name: uses(users, {name}, "anonymous:d") for name in "abc"}

    for number in range(8):
        at = day(number)
        present = [
            name
            for name, periods in by_name.items()
            if any(each.since <= at and (each.until is None or at < each.until) for each in periods)
        ]
        is_known = any(each.occurred_at <= at for each in users)
        assert present == ([user_at(as_in_the_stager(users), (at, 99, "n"))] if is_known else [])
