from datetime import timedelta

import pytest

from shared.journey.phrases import duration_text, remaining_text


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(days=365), "365 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(seconds=1_000_001), "1000001 seconds"),
        (timedelta(seconds=31_536_000, microseconds=500_000), "31536000.5 seconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_a_span_of_a_rule_is_exact(duration: timedelta, words: str) -> None:
    assert duration_text(duration) == words


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(days=365), "365 days"),
        (timedelta(days=365) - timedelta(microseconds=1), "365 days"),
        (timedelta(days=364, hours=22, seconds=1), "364 days 23 hours"),
        (timedelta(days=20, minutes=1), "20 days 1 hour"),
        (timedelta(hours=3, minutes=20, seconds=0.5), "3 hours 21 minutes"),
        (timedelta(minutes=1, seconds=2), "1 minute 2 seconds"),
        (timedelta(seconds=59.2), "1 minute"),
        (timedelta(microseconds=1), "1 second"),
    ],
)
def test_what_is_left_to_wait_reads_as_people_say_it(duration: timedelta, words: str) -> None:
    assert remaining_text(duration) == words
