"""Each record of a batch gets one verdict, counted for its partition."""

from datetime import UTC, datetime

from services.stager.batch.classify import ClassifiedRecords
from services.stager.identity.names import Key
from services.stager.identity.state import NameRow
from services.stager.records.records import BatchResult, DecodedRecord, decode_all
from services.stager.subjects.cache import RowCache
from shared.contracts import envelope as wire
from shared.eventlog.port import Record
from tests.support import touchpoints

AT = datetime(2026, 1, 5, tzinfo=UTC)


def value(message_id: str, **fields: str) -> bytes:
    fields = {"user_id": "leah", **fields}
    return wire.encode(touchpoints.event("E", AT, message_id=message_id, **fields))


def decoded(*values: bytes, partition: int = 0, start: int = 0) -> list[DecodedRecord]:
    records = [Record(partition, start + at, b"k", each) for at, each in enumerate(values)]
    return decode_all(records, max_bytes=10_000)


def verdicts(records: ClassifiedRecords) -> tuple[int, int, int, int]:
    result = BatchResult()
    records.sum_up(result)
    return (result.applied, result.duplicate, result.dead, result.erased)


def test_every_record_gets_one_verdict() -> None:
    records = ClassifiedRecords(
        decoded(
            value("a"),
            value("a"),
            b"no json",
            value("b", type="erase"),
            value("b", type="erase"),
            value("c", type="unmapped"),
            value("c", type="unmapped"),
            value("excluded"),
        ),
        {},
        {(1, "excluded")},
    )

    assert verdicts(records) == (1, 4, 2, 1)
    assert [event.key for event in records.events] == [(1, "a")]
    assert [request.key for request in records.erase_requests] == [(1, "b")]
    assert [each.key for each in records.dead_letters] == [None, (1, "c")]


def test_partitions_progress_from_the_expected_offset_to_behind_the_last_record() -> None:
    records = ClassifiedRecords(
        [*decoded(value("a"), value("b"), start=7), *decoded(value("c"), partition=3, start=4)],
        {0: 5},
        set(),
    )

    offsets = [(p.partition, p.expected, p.next_offset) for p in records.progress.values()]
    assert offsets == [(0, 5, 9), (3, 4, 5)]


def test_records_that_an_earlier_batch_has_stored_become_duplicates() -> None:
    records = ClassifiedRecords(
        decoded(value("a"), value("b", type="erase"), value("c", type="unmapped")), {}, set()
    )

    records.drop_duplicates(set())
    records.drop_erase_requests({(1, "b")})
    records.drop_dead_letters({(1, "c")})

    assert verdicts(records) == (0, 3, 0, 0)


def test_events_of_erased_persons_count_as_erased() -> None:
    records = ClassifiedRecords(decoded(value("a"), value("b")), {}, set())
    for event, person in zip(records.events, ("user:leah", "user:omar"), strict=True):
        event.person = person

    dropped = records.drop_erased({(1, "user:leah")})

    assert [event.key for event in dropped] == [(1, "a")]
    assert verdicts(records) == (1, 0, 0, 1)


def test_a_batch_locks_its_names_and_the_cached_subjects_of_them() -> None:
    cache = RowCache(10)
    cache.names.put((1, "user:leah"), (NameRow(1, "user:leah", "acme"), 1))
    records = ClassifiedRecords(
        decoded(value("a", anonymous_id="z"), value("b", user_id="omar", account_id="beta")),
        {},
        set(),
    )

    expected: set[Key] = {
        (1, "user:leah"), (1, "acme"), (1, "anonymous:z"), (1, "user:omar"), (1, "beta"),
    }  # fmt: skip
    assert records.names(cache) == expected


def test_a_merge_is_stored_without_the_person_who_reported_it() -> None:
    merge = value("a", type="merge", account_id="new", previous_account_id="old", email="x@x.io")
    records = ClassifiedRecords(decoded(merge), {}, set())

    assert records.has_merges
    assert "leah" not in records.events[0].text
    assert "x@x.io" not in records.events[0].text
