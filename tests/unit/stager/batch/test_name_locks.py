import asyncio

import pytest

from services.stager.batch.name_locks import NameLocks
from services.stager.identity.names import Key
from tests.support.eventually import eventually


def names(*ids: str) -> set[Key]:
    return {(1, each) for each in ids}


class Scene:
    """Blocks that hold their locks until the test releases them, in the order of their entry."""

    def __init__(self) -> None:
        self.locks = NameLocks()
        self.inside: list[str] = []
        self.released: dict[str, asyncio.Event] = {}

    async def hold(self, label: str, wanted: set[Key] | None) -> None:
        """Hold `wanted`, or all names for None."""
        self.released[label] = asyncio.Event()
        locks = self.locks
        async with locks.acquire_all() if wanted is None else locks.acquire(wanted):
            self.inside.append(label)
            await self.released[label].wait()
            self.inside.remove(label)

    async def is_inside(self, *labels: str) -> None:
        async def question() -> bool:
            return self.inside == list(labels)

        await eventually(question)


async def test_blocks_without_a_common_name_run_together_and_others_wait() -> None:
    scene = Scene()
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.hold("a", names("acme", "leah")))
        group.create_task(scene.hold("b", names("beta")))
        group.create_task(scene.hold("c", names("leah")))
        await scene.is_inside("a", "b")

        scene.released["a"].set()
        await scene.is_inside("b", "c")
        scene.released["b"].set()
        scene.released["c"].set()


async def test_a_lock_on_all_names_waits_for_all_and_is_not_overtaken() -> None:
    scene = Scene()
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.hold("a", names("acme")))
        group.create_task(scene.hold("all", None))
        group.create_task(scene.hold("b", names("beta")))
        await scene.is_inside("a")

        scene.released["a"].set()
        await scene.is_inside("all")
        scene.released["all"].set()
        await scene.is_inside("b")
        scene.released["b"].set()


async def test_a_request_that_is_cancelled_while_it_waits_leaves_no_lock_behind() -> None:
    locks = NameLocks()
    async with locks.acquire(names("acme")):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), locks.acquire(names("acme")):
                pytest.fail("it was granted")

    async with asyncio.timeout(1), locks.acquire_all():
        pass
