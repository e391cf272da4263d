"""Items of a body that are converted where they are read, so that a long batch can be worked off in parts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

_Raw = TypeVar("_Raw")
_Item = TypeVar("_Item")


class Converted(Sequence[_Item], Generic[_Raw, _Item]):
    """The items of `raws` in their order; each is converted once, with all before it."""

    __slots__ = ("_convert", "_items", "_raws")

    def __init__(self, raws: Sequence[_Raw], convert: Callable[[_Raw], _Item]) -> None:
        """`convert` raises nothing: an item that is invalid becomes its refusal."""
        self._raws = raws
        self._convert = convert
        self._items: list[_Item] = []

    def __len__(self) -> int:
        """Number of items; converts none."""
        return len(self._raws)

    def __iter__(self) -> Iterator[_Item]:
        """All items; converts those that are left first."""
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> _Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[_Item]: ...

    def __getitem__(self, index: int | slice) -> _Item | list[_Item]:
        """One item, or several as a list."""
        if isinstance(index, slice):
            stop = index.indices(len(self._raws))[1]
        else:
            stop = range(len(self._raws))[index] + 1
        items = self._items
        if len(items) < stop:
            convert = self._convert
            items += [convert(raw) for raw in self._raws[len(items) : stop]]
        return items[index]
