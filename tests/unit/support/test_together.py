"""Stories that run at once wait as one, and each has an outcome of its own."""

import asyncio
from functools import partial

import pytest

from tests.support.together import JointWait, outcomes


class Sent:
    """What stories sent, and how much of it there was at each wait."""

    def __init__(self, error: Exception | None = None) -> None:
        self.names: list[str] = []
        self.at_waits: list[list[str]] = []
        self._error = error

    async def settle(self) -> None:
        await asyncio.sleep(0)
        self.at_waits.append(sorted(self.names))
        if self._error is not None:
            raise self._error

    async def story(self, name: str, steps: int, together: JointWait) -> None:
        for step in range(steps):
            await asyncio.sleep(0)
            self.names.append(f"{name}{step}")
            await together.wait()
            assert f"{name}{step}" in self.at_waits[-1]


async def test_stories_wait_once_for_all_that_they_have_sent() -> None:
    sent = Sent()

    results = await outcomes(
        sent.settle,
        {name: partial(sent.story, name, 2) for name in "ab"},
    )

    assert results == {"a": None, "b": None}
    assert sent.at_waits == [["a0", "b0"], ["a0", "a1", "b0", "b1"]]


async def test_a_story_that_has_ended_is_not_waited_for() -> None:
    sent = Sent()

    results = await outcomes(
        sent.settle,
        {
            "short": partial(sent.story, "short", 1),
            "long": partial(sent.story, "long", 3),
        },
    )

    assert results == {"short": None, "long": None}
    assert len(sent.at_waits) == 3


async def test_the_error_of_a_story_is_its_own() -> None:
    sent = Sent()

    async def failing(_together: JointWait) -> None:
        assert sent.names == ["never sent"]

    results = await outcomes(
        sent.settle, {"fails": failing, "holds": partial(sent.story, "holds", 1)}
    )

    assert isinstance(results["fails"], AssertionError)
    assert results["holds"] is None


async def test_a_wait_in_vain_fails_all_who_waited() -> None:
    error = AssertionError("still not applied")
    sent = Sent(error)

    results = await outcomes(
        sent.settle,
        {name: partial(sent.story, name, 1) for name in "ab"},
    )

    assert results == {"a": error, "b": error}
    assert sent.at_waits == [["a0", "b0"]]


async def test_an_interruption_is_no_outcome() -> None:
    async def interrupted(_together: JointWait) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await outcomes(Sent().settle, {"one": interrupted})
