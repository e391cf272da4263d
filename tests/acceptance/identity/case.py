"""One case: a story with names of its own, which arrives in one of three ways."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tests.acceptance.identity.bodies import Step
from tests.acceptance.identity.senders import Senders
from tests.support.eventually import eventually
from tests.support.together import JointWait


class Arrival(StrEnum):
    """How the steps of a story arrive."""

    IN_ORDER = "in order"
    REVERSED = "reversed"
    """The last first, each applied before the next is sent."""
    TWICE = "twice"
    """Every step two times."""


class Case:
    """Names that no other case has, and the answers about them.

    It runs beside other cases, and waits together with them until all that they sent is applied.
    """

    def __init__(
        self, senders: Senders, arrival: Arrival, number: int, together: JointWait
    ) -> None:
        self.senders = senders
        self._together = together
        self._arrival = arrival
        self._number = number
        self._steps = 0

    # -- names -----------------------------------------------------------------------------------

    def id(self, word: str) -> str:
        """An id of a person, a device or an account."""
        return f"{word}-{self._number}"

    def email(self, word: str) -> str:
        """An address."""
        return f"{word}@case-{self._number}.example"

    def number(self, number: int) -> int:
        """The number of a provider's record, below a million."""
        return self._number * 1_000_000 + number

    # -- what happens ----------------------------------------------------------------------------

    async def arrive(self, *steps: Step) -> None:
        """Let the steps of a story arrive, and wait until they are applied."""
        named = [
            (step, f"c{self._number}-{self._steps + place}") for place, step in enumerate(steps)
        ]
        self._steps += len(steps)
        match self._arrival:
            case Arrival.IN_ORDER:
                await self._send(named)
            case Arrival.REVERSED:
                for each in reversed(named):
                    await self._send([each])
                    await self._together.wait()
            case Arrival.TWICE:
                # At once, so that a step and its repetition meet.
                await asyncio.gather(*(self._send([each]) for each in named for _ in range(2)))
        await self._together.wait()

    async def refused(self, step: Step) -> None:
        """Send a step of which nothing may be accepted."""
        self._steps += 1
        await self.senders.send_refused(step, f"c{self._number}-{self._steps}-refused")

    async def state(
        self,
        kind: str,
        name: str,
        verb: str,
        other: str,
        *,
        statuses: AbstractSet[int] = frozenset({202}),
    ) -> None:
        """Let an operator merge or unmerge two people or accounts, a minute later than anything before."""
        self.senders.stack.clock.advance(timedelta(minutes=1))
        await self.senders.state(kind, name, verb, other, statuses)
        await self._together.wait()

    async def erase(self, person: str) -> None:
        """Erase a person, and wait until it is done."""
        await self.senders.erase(person)
        await self._together.wait()

    async def _send(self, named: Sequence[tuple[Step, str]]) -> None:
        for step, step_id in named:
            await self.senders.send(step, step_id)

    # -- what comes out --------------------------------------------------------------------------

    async def status(self, **name: str) -> int:
        """Status of the response about one name: 404 where no event had it."""
        answer = await self.senders.stack.read.get("/v1/stage", params=name)
        return answer.status_code

    async def stages(self, *names: dict[str, str]) -> list[tuple[str, str | None]]:
        """Account and stage (or outcome) of the response for each name."""
        answers = [await self.senders.stack.stage(**name) for name in names]
        return [(each["account_id"], each["outcome"] or each["stage"]) for each in answers]

    async def timeline(self, account: str) -> list[dict[str, Any]]:
        """Events of an account, oldest first."""
        return (await self.senders.stack.timeline(account))[::-1]

    async def events(self, account: str) -> list[str]:
        """Names of the events in the timeline of an account, oldest first."""
        return [each["event"] for each in await self.timeline(account)]

    async def meant(self, event: str) -> str | None:
        """The event name of a map for which another was likely meant."""

        async def entry() -> dict[str, Any] | None:
            answer = await self.senders.stack.read.get("/v1/events")
            return next((each for each in answer.json()["items"] if each["event"] == event), None)

        listed = await eventually(entry)
        assert listed is not None
        meant: str | None = listed["meant"]
        return meant

    async def identifiers(self, account: str) -> list[str]:
        """Names that lead to an account."""
        answer = await self.senders.stack.read.get(f"/v1/accounts/{account}")
        assert answer.status_code == 200, answer.text
        names: list[str] = answer.json()["identifiers"]
        return sorted(names)
