"""How many different things there are, counted in bounded memory."""

import heapq
from hashlib import blake2b

_KEPT = 16_384
_RANGE = float(1 << 64)


class Distinct:
    """Counts different texts: exactly up to 16,384, beyond that to within 2 % or so.

    Keeps the smallest hashes alone (a k-minimum-values sketch): where the k-th smallest of evenly
    spread numbers lies tells how many there are, with a standard error of 1 / sqrt(k), 0.8 %.
    """

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._kept: set[int] = set()
        self._is_exact = True

    def add(self, text: str) -> None:
        """Note one."""
        number = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
        if number in self._kept:
            return
        if len(self._kept) < _KEPT:
            self._kept.add(number)
            heapq.heappush(self._heap, -number)
        else:
            self._is_exact = False
            if number < -self._heap[0]:
                self._kept.add(number)
                self._kept.discard(-heapq.heapreplace(self._heap, -number))

    @property
    def is_exact(self) -> bool:
        """Whether `count` is no estimate."""
        return self._is_exact

    @property
    def count(self) -> int:
        """How many different ones there were."""
        if self._is_exact:
            return len(self._kept)
        return round((_KEPT - 1) * _RANGE / -self._heap[0])
