import pytest

from services.cli.importing.direction import runs_newest_first

Drawn = list[tuple[str, int]]


def rows(drawn: Drawn) -> list[dict[str, str]]:
    return [
        {"account_id": account, "occurred_at": f"2026-03-{day:02}T00:00:00+00:00"}
        for account, day in drawn
    ]


@pytest.mark.parametrize(
    ("drawn", "newest_first"),
    [
        ([("a", 1), ("b", 2), ("a", 3), ("b", 4)], False),
        ([("b", 4), ("a", 3), ("b", 2), ("a", 1)], True),
        ([("a", 3), ("a", 3), ("a", 1)], True),
        # Grouped by account: what counts runs within each.
        ([("a", 1), ("a", 9), ("b", 1), ("b", 9), ("c", 1), ("c", 9)], False),
        ([("a", 9), ("a", 1), ("b", 9), ("b", 1), ("c", 9), ("c", 1)], True),
        # No account twice at two times: the file as a whole tells, if it has more than a step or two.
        ([("a", 9), ("a", 9), ("b", 8), ("c", 7), ("d", 6)], True),
        ([("a", 9), ("a", 9), ("b", 8)], False),
        # Unsorted, one time, nothing.
        ([("a", 5), ("a", 9), ("a", 2), ("a", 7)], False),
        ([("a", 5), ("a", 5), ("b", 5)], False),
        ([], False),
    ],
)
def test_a_file_runs_newest_first_if_time_goes_back_within_its_accounts(
    *, drawn: Drawn, newest_first: bool
) -> None:
    assert runs_newest_first(rows(drawn)) is newest_first


def test_a_row_out_of_place_does_not_turn_a_file_around() -> None:
    downward = [("a", day) for day in range(28, 2, -1)]

    assert runs_newest_first(rows([*downward[:20], ("a", 27), *downward[20:]]))


def test_people_without_an_account_tell_as_well() -> None:
    times = ["2026-03-02T10:00:00+01:00", "2026-03-02T09:30:00+01:00"]

    assert runs_newest_first([{"user_id": "ann", "occurred_at": at} for at in times])
