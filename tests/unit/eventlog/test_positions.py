import pytest

from shared.errors import FatalError
from shared.eventlog.positions import check_positions


def test_reading_begins_at_the_stored_offset_or_at_the_first_kept() -> None:
    begin = check_positions("t", {0: 5, 2: 9}, {0: (3, 9), 1: (3, 9), 2: (3, 9)})

    assert begin == {0: 5, 1: 3, 2: 9}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (10, "t, partition 0: the stored offset 10 lies beyond the end of the log"),
        (2, "t, partition 0: the stored offset 2 lies before the start of the log"),
    ],
)
def test_an_offset_that_the_log_does_not_have_is_fatal(stored: int, said: str) -> None:
    with pytest.raises(FatalError, match=said):
        check_positions("t", {0: stored}, {0: (3, 9)})
