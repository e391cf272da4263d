import asyncio

import pytest

from services.stager.batch.name_locks import Claims
from services.stager.identity.names import Key
from tests.support.eventually import eventually


def names(*ids: str) -> set[Key]:
    return {(1, each) for each in ids}


class Scene:
    """Holders that stay until told to go, and the order in which they came in."""

    def __init__(self) -> None:
        self.claims = Claims()
        self.inside: list[str] = []
        self.go: dict[str, asyncio.Event] = {}

    async def hold(self, label: str, wanted: set[Key] | None) -> None:
        self.go[label] = asyncio.Event()
        async with self.claims.hold(wanted):
            self.inside.append(label)
            await self.go[label].wait()
            self.inside.remove(label)

    async def is_inside(self, *labels: str) -> None:
        async def question() -> bool:
            return self.inside == list(labels)

        await eventually(question)


async def test_those_who_share_nobody_go_together_and_others_wait() -> None:
    scene = Scene()
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.hold("a", names("acme", "leah")))
        group.create_task(scene.hold("b", names("beta")))
        group.create_task(scene.hold("c", names("leah")))
        await scene.is_inside("a", "b")

        scene.go["a"].set()
        await scene.is_inside("b", "c")
        scene.go["b"].set()
        scene.go["c"].set()


async def test_whoever_wants_everything_waits_for_all_and_is_not_overtaken() -> None:
    scene = Scene()
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.hold("a", names("acme")))
        group.create_task(scene.hold("all", None))
        group.create_task(scene.hold("b", names("beta")))
        await scene.is_inside("a")

        scene.go["a"].set()
        await scene.is_inside("all")
        scene.go["all"].set()
        await scene.is_inside("b")
        scene.go["b"].set()


async def test_one_who_is_cancelled_while_waiting_leaves_no_claim_behind() -> None:
    claims = Claims()
    async with claims.hold(names("acme")):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), claims.hold(names("acme")):
                pytest.fail("it was held")

    async with asyncio.timeout(10), claims.hold(None):
        pass
