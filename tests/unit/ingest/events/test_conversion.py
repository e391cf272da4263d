"""Items that are converted where they are read."""

import pytest

from services.ingest.events.conversion import Converted


def test_each_item_is_converted_once_and_not_before_it_is_read() -> None:
    read: list[int] = []

    def convert(raw: int) -> str:
        read.append(raw)
        return str(raw)

    items = Converted(range(10), convert)

    assert (len(items), read) == (10, [])
    assert items[2:4] == ["2", "3"]
    assert read == [0, 1, 2, 3]
    assert items[1] == "1"
    assert items[-1] == "9"
    assert list(items) == [str(number) for number in range(10)]
    assert read == list(range(10))


def test_there_is_nothing_beyond_its_end() -> None:
    items = Converted([1, 2], str)

    with pytest.raises(IndexError):
        items[2]
    assert items[2:] == []
    assert list(Converted([], str)) == []
