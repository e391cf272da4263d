import pytest

from services.stager.consume.poison_cap import PoisonCap


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
