"""`/v1/accounts/{account_id}/explain`: which rules could act next, and what is missing for each."""

from collections.abc import Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api.errors import Code, RequestRefused
from services.api.maps.cache import MapCache, PreparedMap
from services.api.operation import RETRY_AFTER, Answer, Call, Operation, json_answer
from services.api.queries import accounts, history
from services.api.queries.accounts import Resolved
from services.api.queries.connections import workspace_transaction
from services.api.schemas import explanation as schemas
from services.api.schemas.explanation import ExplainQuery
from shared.clock import Clock
from shared.ids import WorkspaceId
from shared.journey.explain import explain
from shared.journey.model import Status, SubjectKind
from shared.journey.state import FORMAT, State
from shared.keys.principal import Scope

_ACCOUNT_ID = (
    "The account's id, percent-encoded (slashes as `%2F`); also `user:ID`, `email:ADDR` or"
    " `anonymous:ID`. An id that was merged leads to what it became."
)


class _Folded(msgspec.Struct, frozen=True):
    """One journey of `subject.states`, as the stager keeps it; the rest of it does not matter here."""

    v: int
    s: State
    f: int = FORMAT


_states = msgspec.json.Decoder(dict[str, _Folded])


class ExplainRoutes:
    """Answers why an account is where it is."""

    def __init__(self, engine: AsyncEngine, maps: MapCache, clock: Clock) -> None:
        """`engine` in the api's role; `clock` for the rules that ask how long."""
        self._engine = engine
        self._maps = maps
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/accounts/{account_id}/explain",
                operation_id="explainAccount",
                tag="accounts",
                summary="Why an account is where it is, and what would move it",
                description=(
                    "Every rule that could act next, strongest first: whether it holds now, and for"
                    " each of its conditions what there is, what is needed and what would satisfy"
                    " it. Answered by the engine that places accounts, from the same facts."
                ),
                scope=Scope.STAGES_READ,
                handler=self.explain,
                parameters={"account_id": _ACCOUNT_ID},
                query=ExplainQuery,
                answers=[
                    Answer(
                        status=200,
                        description="The rules, and what is missing.",
                        schema=schemas.Explanation,
                        example=schemas.EXAMPLE,
                    )
                ],
                refusals=[
                    Code.SUBJECT_UNKNOWN,
                    Code.JOURNEY_UNKNOWN,
                    Code.JOURNEY_REQUIRED,
                    Code.EXPLANATION_PENDING,
                ],
            )
        ]

    async def explain(self, call: Call) -> Response:
        """The rules that could act next."""
        asked = call.query(ExplainQuery)
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            resolved = await accounts.resolve(connection, workspace_id, call.path["account_id"])
            if resolved is None:
                raise RequestRefused(Code.SUBJECT_UNKNOWN)
            stored = await history.states(connection, workspace_id, resolved.placed_ids())
        states = {subject_id: _states.decode(states) for subject_id, states in stored.items()}
        newest = await self._maps.newest(workspace_id)
        key = _journey(states, newest, asked.journey)
        if key not in newest:
            raise RequestRefused(Code.JOURNEY_UNKNOWN)
        subject_id = _subject(resolved, newest[key])
        folded = states.get(subject_id, {}).get(key)
        chart = await self._chart(workspace_id, newest[key], folded)
        state = State.initial() if folded is None else folded.s
        found = explain(chart.compiled, state, self._clock.now())
        return json_answer(
            schemas.Explanation(
                account_id=subject_id,
                journey=key,
                map_version=chart.version,
                as_of=found.as_of,
                status=found.status.value,
                stage=found.stage,
                outcome=found.outcome,
                cycle=found.cycle,
                reachable=[schemas.Reachable.model_validate(each) for each in found.reachable],
            )
        )

    async def _chart(
        self, workspace_id: WorkspaceId, newest: PreparedMap, folded: _Folded | None
    ) -> PreparedMap:
        """The version that folded the state: only that one can read its facts."""
        if folded is None or folded.v == newest.version:
            chart: PreparedMap | None = newest
        else:
            chart = await self._maps.version(workspace_id, newest.key, folded.v)
        if chart is None or (folded is not None and folded.f != FORMAT):
            raise RequestRefused(Code.EXPLANATION_PENDING, headers=RETRY_AFTER)
        return chart


def _journey(
    states: Mapping[str, Mapping[str, _Folded]],
    newest: Mapping[str, PreparedMap],
    asked: str | None,
) -> str:
    """Key of the journey to explain. Raises RequestRefused(journey_required) where it is not clear."""
    if asked is not None:
        return asked
    on = {
        key
        for journeys in states.values()
        for key, folded in journeys.items()
        if folded.s.status is not Status.NOT_STARTED and key in newest
    }
    meant = on or set(newest)
    if len(meant) != 1:
        raise RequestRefused(Code.JOURNEY_REQUIRED)
    return meant.pop()


def _subject(resolved: Resolved, chart: PreparedMap) -> str:
    """Whose state a journey keeps: the person's own, or the account's."""
    if chart.subject is SubjectKind.PERSON and resolved.person_id is not None:
        return resolved.person_id
    return resolved.subject_id
