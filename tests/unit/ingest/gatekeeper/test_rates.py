"""Buckets and quotas: how much a sender may send, and when it may come again."""

from datetime import UTC, date, datetime

import pytest

from services.ingest.gatekeeper.rates import (
    OverLimit,
    RateLimit,
    RateLimiter,
    WithinLimit,
    rate_limit,
)
from services.ingest.gatekeeper.usage import DailyCounts, seconds_to_midnight
from shared.sources.source import DailyUsage

TEN_A_SECOND = RateLimit(per_second=10.0, burst=100)


def enter(rates: RateLimiter, at: float, limit: RateLimit = TEN_A_SECOND, events: int = 1) -> bool:
    """Whether a request of so many events comes in at `at`."""
    verdict = rates.enter("key", limit, at)
    if isinstance(verdict, WithinLimit):
        rates.pay("key", events)
        return True
    return False


def test_what_fits_at_once_comes_in_and_what_is_more_waits() -> None:
    rates = RateLimiter()

    verdicts = [enter(rates, 0.0) for _ in range(101)]

    assert verdicts == [True] * 100 + [False]


def test_the_bucket_fills_steadily() -> None:
    rates = RateLimiter()
    enter(rates, 0.0, events=100)

    verdicts = [enter(rates, at) for at in (0.0, 0.05, 0.09, 0.11, 0.31, 0.32, 0.33)]

    assert verdicts == [False, False, False, True, True, True, False]


def test_a_batch_larger_than_the_bucket_passes_and_its_sender_waits_for_it() -> None:
    rates = RateLimiter()

    assert enter(rates, 0.0, events=1_000)
    # 900 are owed, at ten a second.
    assert rates.enter("key", TEN_A_SECOND, 0.0) == OverLimit(91)
    assert not enter(rates, 89.9)
    assert enter(rates, 90.2)


def test_a_sender_that_waits_for_the_stated_time_is_let_in() -> None:
    for per_second in (0.1, 0.3, 0.7, 3.0, 10.0, 333.3):
        limit = RateLimit(per_second=per_second, burst=10)
        for debt in range(100):
            rates = RateLimiter()
            enter(rates, 0.1, limit, events=10 + debt)
            verdict = rates.enter("key", limit, 0.1)

            assert isinstance(verdict, OverLimit)
            assert enter(rates, 0.1 + verdict.wait_seconds, limit)


def test_a_bucket_does_not_fill_beyond_its_size() -> None:
    rates = RateLimiter()
    enter(rates, 0.0)

    verdicts = [enter(rates, 1e6) for _ in range(101)]

    assert verdicts == [True] * 100 + [False]


def test_requests_in_flight_cannot_all_come_in_on_one_token() -> None:
    rates, limit = RateLimiter(), RateLimit(per_second=1.0, burst=1)

    # None of them has been counted yet.
    entered = [isinstance(rates.enter("key", limit, 0.0), WithinLimit) for _ in range(50)]

    assert entered == [True] + [False] * 49


def test_senders_have_buckets_of_their_own() -> None:
    rates, limit = RateLimiter(), RateLimit(per_second=1.0, burst=1)

    first = [isinstance(rates.enter(key, limit, 0.0), WithinLimit) for key in ("a", "b", "a", "b")]

    assert first == [True, True, False, False]


def test_a_limit_that_was_raised_counts_at_once() -> None:
    rates = RateLimiter()
    enter(rates, 0.0, RateLimit(per_second=1.0, burst=1), events=1_000)

    assert not enter(rates, 1.0, RateLimit(per_second=1.0, burst=1))
    assert enter(rates, 2.0, RateLimit(per_second=1_000.0, burst=1_000))


def test_the_stated_remainder_counts_down() -> None:
    rates = RateLimiter()

    verdict = [rates.enter("key", TEN_A_SECOND, 0.0) for _ in range(2)]
    last = verdict[-1]

    assert isinstance(last, WithinLimit)
    assert last.remaining() == '"default";r=98;t=1'
    rates.pay("key", 109)
    assert last.remaining() == '"default";r=0;t=11'
    assert TEN_A_SECOND.policy() == '"default";q=100;w=10'


@pytest.mark.parametrize(
    ("per_second", "burst", "wanted"),
    [
        (None, None, None),
        (None, 5, None),
        (10.0, None, TEN_A_SECOND),
        (10.0, 7, RateLimit(per_second=10.0, burst=7)),
        (0.01, None, RateLimit(per_second=0.01, burst=1)),
        (1e300, None, RateLimit(per_second=1e300, burst=2**53)),
    ],
)
def test_without_a_size_the_bucket_holds_ten_seconds_worth(
    per_second: float | None, burst: int | None, wanted: RateLimit | None
) -> None:
    assert rate_limit(per_second, burst) == wanted


@pytest.mark.parametrize("per_second", [1e-300, 1e-9, 1e300])
def test_no_limit_makes_a_wait_of_more_than_an_hour(per_second: float) -> None:
    rates, limit = RateLimiter(), rate_limit(per_second, 1)
    assert limit is not None
    enter(rates, 0.0, limit, events=10**9)

    verdict = rates.enter("key", limit, 0.0)

    assert isinstance(verdict, OverLimit)
    assert 1 <= verdict.wait_seconds <= 3_600


MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def test_what_this_process_accepts_counts_at_once() -> None:
    counts = DailyCounts()
    counts.add("src", MONDAY, 7)

    assert counts.used("src", MONDAY, read=None, generation=1) == 7


def test_what_was_read_is_not_counted_twice_and_what_others_accepted_is_counted() -> None:
    counts = DailyCounts()
    assert counts.used("src", MONDAY, read=DailyUsage(MONDAY, 100), generation=1) == 100
    counts.add("src", MONDAY, 7)
    assert counts.used("src", MONDAY, read=DailyUsage(MONDAY, 100), generation=1) == 107

    # The next read holds our seven, and five of another process.
    used = counts.used("src", MONDAY, read=DailyUsage(MONDAY, 112), generation=2)

    assert used == 112


def test_a_database_that_lags_behind_takes_nothing_back() -> None:
    counts = DailyCounts()
    counts.add("src", MONDAY, 7)

    assert counts.used("src", MONDAY, read=DailyUsage(MONDAY, 2), generation=1) == 7


def test_a_new_day_begins_at_nothing() -> None:
    counts = DailyCounts()
    counts.add("src", MONDAY, 7)

    assert counts.used("src", TUESDAY, read=DailyUsage(MONDAY, 7), generation=1) == 0


def test_a_source_does_not_use_up_what_another_may_send() -> None:
    counts = DailyCounts()
    counts.add("src", MONDAY, 7)

    assert counts.used("other", MONDAY, read=None, generation=1) == 0


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 3, 2, 23, 59, 30, tzinfo=UTC), 31),
        (datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 3, 2, 0, 0, tzinfo=UTC), 3_600),
    ],
)
def test_a_day_ends_at_midnight_and_no_wait_is_longer_than_an_hour(
    now: datetime, seconds: int
) -> None:
    assert seconds_to_midnight(now) == seconds
