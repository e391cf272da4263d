from services.stager.subjects.cache import BoundedCache


def test_used_entries_stay_and_the_cache_stays_within_its_capacity() -> None:
    cache: BoundedCache[int, str] = BoundedCache(10)
    for number in range(100):
        cache.put(number, str(number))
        assert cache.get(0) == "0"

    assert cache.get(99) == "99"
    assert cache.get(50) is None
    assert len(cache) <= 12


def test_an_invalidated_entry_leaves_both_generations() -> None:
    cache: BoundedCache[int, str] = BoundedCache(2)
    for number in range(3):
        cache.put(number, "x")

    cache.invalidate([0, 1, 2, 3])

    assert [cache.get(number) for number in range(3)] == [None, None, None]
