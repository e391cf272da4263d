"""When most of the newest records are poison, by the sources that sent them."""

import pytest

from services.stager.consume.poison_cap import PoisonCap, Verdict

GOOD, BAD = Verdict(is_poison=False), Verdict(is_poison=True)


def of(source: str, *, good: int = 0, bad: int = 0) -> list[Verdict]:
    """Verdicts on records of one source, the good ones first."""
    return [Verdict(number >= good, source) for number in range(good + bad)]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([BAD] * 9, False),
        ([BAD] * 10, True),
        ([GOOD] * 4 + [BAD] * 6, True),
        ([GOOD] * 5 + [BAD] * 5, False),
        ([GOOD, BAD] * 50, False),
        ([GOOD] * 100 + [BAD] * 6, True),
    ],
)
def test_the_cap_trips_when_most_of_a_full_window_is_poison(
    verdicts: list[Verdict],
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert PoisonCap(window=10, ratio=0.5).trips(verdicts) is expected


def test_the_cap_remembers_across_batches() -> None:
    cap = PoisonCap(window=10, ratio=0.5)

    assert not cap.trips([GOOD] * 5)
    assert cap.trips([BAD] * 6)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param(of("web", bad=500), False, id="one source alone"),
        pytest.param(of("crm", good=20) + of("web", bad=500), False, id="one among good ones"),
        pytest.param(of("crm", bad=50) + of("web", bad=50), True, id="all of two sources"),
        pytest.param(of("crm", bad=20) + of("web", bad=80), True, id="all, one of them small"),
        pytest.param(of("crm", bad=5) + of("web", bad=95), False, id="too few of the others"),
        pytest.param(
            of("crm", good=15, bad=5) + of("web", bad=80), False, id="the others are mostly good"
        ),
        pytest.param([BAD] * 60 + of("web", bad=40), True, id="no source, beside one"),
    ],
)
def test_the_poison_of_one_source_does_not_stop_the_others(
    verdicts: list[Verdict],
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert PoisonCap(window=100, ratio=0.5).trips(verdicts) is expected


def test_a_source_that_was_bad_hides_no_bad_release_later() -> None:
    cap = PoisonCap(window=100, ratio=0.5)

    assert not cap.trips(of("web", bad=300))
    assert cap.trips(of("crm", bad=60) + of("shop", bad=40))
