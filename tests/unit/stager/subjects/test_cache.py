from services.stager.subjects.cache import Cache


def test_the_cache_keeps_what_is_used_and_stays_within_its_capacity() -> None:
    cache: Cache[int, str] = Cache(10)
    for number in range(100):
        cache.put(number, str(number))
        assert cache.get(0) == "0"

    assert cache.get(99) == "99"
    assert cache.get(50) is None
    assert len(cache) <= 12


def test_what_is_dropped_is_gone_from_both_generations() -> None:
    cache: Cache[int, str] = Cache(2)
    for number in range(3):
        cache.put(number, "x")

    cache.drop([0, 1, 2, 3])

    assert [cache.get(number) for number in range(3)] == [None, None, None]
