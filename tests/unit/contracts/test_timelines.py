from datetime import UTC, datetime

from shared.contracts.timelines import StoredEntry, decode, encode

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_timeline_is_read_as_it_was_written() -> None:
    entries = (
        StoredEntry(AT, "m-1", "acme", is_left=False, tie=7),
        StoredEntry(AT, "m-0", "acme", is_left=True, tie=8),
    )

    assert decode(encode(entries)) == entries


def test_an_entry_of_an_older_release_has_no_tie() -> None:
    assert decode('[["2026-03-01T12:00:00Z","m-1","acme",false]]') == (
        StoredEntry(AT, "m-1", "acme", is_left=False),
    )


def test_no_entry_is_null() -> None:
    assert encode(()) is None
    assert decode(None) == ()
