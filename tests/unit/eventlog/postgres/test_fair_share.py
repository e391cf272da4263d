from uuid import UUID

import pytest

from shared.eventlog.postgres.group import fair_share

READERS = [UUID(int=n) for n in range(6)]


@pytest.mark.parametrize(
    ("partitions", "readers", "shares"),
    [
        (4, 1, [4]),
        (4, 2, [2, 2]),
        (4, 3, [2, 1, 1]),
        (4, 6, [1, 1, 1, 1, 0, 0]),
        (1, 2, [1, 0]),
        (7, 3, [3, 2, 2]),
    ],
)
def test_shares_differ_by_one_at_most_and_leave_no_partition(
    partitions: int, readers: int, shares: list[int]
) -> None:
    group = READERS[:readers]

    assert [fair_share(partitions, group, me) for me in group] == shares


def test_the_order_in_which_readers_are_listed_is_no_matter() -> None:
    assert fair_share(3, [READERS[1], READERS[0]], READERS[0]) == 2
