"""The tombstones of erased persons, as the stager holds them."""

from datetime import UTC, datetime

from services.stager.batch.tombstones import Tombstones, digest_of, erased_again
from services.stager.identity.names import Key, event_names
from services.stager.identity.state import NameRow
from services.stager.records.records import BatchEvent
from services.stager.store.rows import Tombstone
from services.stager.subjects.cache import RowCache
from shared.sources.hashing import hashed
from tests.support import touchpoints

KEY = b"k" * 32
AT = datetime(2026, 1, 5, tzinfo=UTC)


def stone(change: int, name: Key, *, is_erased: bool = True, is_linked: bool = False) -> Tombstone:
    return Tombstone(change, name[0], digest_of(name, KEY), is_erased, is_linked, KEY)


def event(**fields: str) -> BatchEvent:
    envelope = touchpoints.event("E", AT, **fields)
    return BatchEvent(0, envelope, "", event_names(envelope))


def test_a_name_is_found_by_its_workspace_its_kind_and_its_pseudonym() -> None:
    tombstones = Tombstones()
    tombstones.apply([stone(3, (1, "email:leah@x.io"))])

    assert tombstones.find((1, "email:leah@x.io")) is False
    assert tombstones.find((1, f"email:{hashed('Leah@x.io', KEY)}")) is False
    assert tombstones.find((2, "email:leah@x.io")) is None
    assert tombstones.find((1, "user:Leah@x.io")) is False
    assert tombstones.find((1, "user:leah")) is None
    assert tombstones.change == 3


def test_only_a_name_without_a_tombstone_is_new() -> None:
    tombstones = Tombstones()

    assert tombstones.apply([stone(1, (1, "user:a"))])
    assert not tombstones.apply([stone(1, (1, "user:a"))])
    assert not tombstones.apply([stone(2, (1, "user:b"), is_erased=False)])
    assert tombstones.apply([stone(3, (1, "user:b"))])


def test_a_lifted_erasure_leaves_no_tombstone() -> None:
    tombstones = Tombstones()
    tombstones.apply([stone(1, (1, "user:a"))])
    tombstones.apply([stone(2, (1, "user:a"), is_erased=False)])

    assert not tombstones
    assert tombstones.find((1, "user:a")) is None


def test_an_erased_name_that_led_to_a_stronger_one_erases_no_second_person() -> None:
    tombstones = Tombstones()
    tombstones.apply(
        [stone(1, (1, "anonymous:kiosk"), is_linked=True), stone(2, (1, "email:leah@x.io"))]
    )
    at_the_kiosk = event(user_id="omar", anonymous_id="kiosk")
    of_leah = event(user_id="leah", email="leah@x.io")

    assert erased_again([at_the_kiosk, of_leah], tombstones, RowCache(10)) == {
        (1, "email:leah@x.io")
    }
    assert at_the_kiosk.names.device is None
    assert of_leah.names.people == ((1, "user:leah"), (1, "email:leah@x.io"))


def test_a_cached_name_costs_no_hash() -> None:
    tombstones = Tombstones()
    tombstones.apply([stone(1, (1, "user:leah"))])
    cache = RowCache(10)
    cache.names.put((1, "user:leah"), (NameRow(1, "user:leah", "user:leah"), 1))

    assert erased_again([event(user_id="leah")], tombstones, cache) == set()
