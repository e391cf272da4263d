import pytest

from shared.eventlog.kafka.partitioner import choose_partition, murmur2


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_keys_hash_as_they_do_in_the_java_client(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_a_keys_partition_is_that_of_the_java_client() -> None:
    # -973932308 & 0x7fffffff = 1173551340, and 1173551340 % 7 = 3
    assert choose_partition(b"21", range(7), []) == 3
    assert choose_partition(b"abc", range(4), [1]) == 3


def test_no_key_goes_to_a_partition_that_has_a_leader() -> None:
    assert choose_partition(None, [0, 1, 2], [1]) == 1
    assert choose_partition(None, [2], []) == 2
