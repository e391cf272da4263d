"""`/v1/accounts/{account_id}/explain`: which rules could act next, and what is missing for each."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import Query

from services.api.dependencies import AccountId, Context, Database, Maps
from services.api.errors import Code, RequestRefused
from services.api.http.problems import RETRY_AFTER
from services.api.http.routing import ScopedRouter
from services.api.maps.cache import MapCache, PreparedMap
from services.api.queries import accounts, history
from services.api.queries.accounts import Resolved
from services.api.schemas import explanation as schemas
from shared.history import decode_stored, touchpoint
from shared.ids import WorkspaceId
from shared.journey.explain import explain
from shared.journey.model import Status, SubjectKind
from shared.journey.state import FORMAT, State
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/accounts", tags=["accounts"])


class _Folded(msgspec.Struct, frozen=True):
    """One journey of `subject.states`, as the stager stores it; its other fields are ignored."""

    v: int
    s: State
    f: int = FORMAT


_RECENT = 50
"""Newest touchpoints that are searched for what came close."""

_states = msgspec.json.Decoder(dict[str, _Folded])


@router.get(
    "/{account_id:encoded}/explain",
    operation_id="explainAccount",
    scope=Scope.STAGES_READ,
    refusals=[
        Code.SUBJECT_UNKNOWN,
        Code.JOURNEY_UNKNOWN,
        Code.EXPLANATION_PENDING,
    ],
    summary="Rules that could move an account next",
    response_description="The rules, and what each lacks.",
    example=schemas.EXPLANATION_EXAMPLE,
)
async def explain_account(
    account_id: AccountId,
    query: Annotated[schemas.ExplainQuery, Query()],
    database: Database,
    maps: Maps,
    context: Context,
) -> schemas.Explanation:
    """Every rule that could act next, strongest first.

    For each rule whether it holds, and for each of its conditions the present value, the required value
    and what would satisfy it. Where a trait, or one of the newest touchpoints, has a value of another
    kind than the rule asks for, `satisfied_by` says so. Computed by the engine that places accounts, from
    the same state.
    """
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        resolved = await accounts.resolve(connection, workspace_id, account_id)
        if resolved is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        stored = await history.states(connection, workspace_id, resolved.placed_ids())
        newest_rows = await history.touchpoints(
            connection,
            workspace_id,
            resolved.subject_id,
            newest_first=True,
            after=None,
            limit=_RECENT,
        )
    states = {subject_id: _states.decode(raw) for subject_id, raw in stored.items()}
    newest = await maps.newest(workspace_id)
    key = _journey(states, newest, query.journey)
    if key not in newest:
        raise RequestRefused(Code.JOURNEY_UNKNOWN)
    subject_id = _subject(resolved, newest[key])
    folded = states.get(subject_id, {}).get(key)
    prepared = await _folding_version(maps, workspace_id, newest[key], folded)
    state = State.initial() if folded is None else folded.s
    # The instant is read after the state: an explanation is never of a moment before its last event.
    recent = [
        touchpoint(decode_stored(row.envelope), row.person_id)
        for row in newest_rows
        if prepared.subject is SubjectKind.ACCOUNT or row.person_id == subject_id
    ]
    explained = explain(prepared.compiled, state, context.clock.now(), recent)
    return schemas.Explanation(
        account_id=subject_id,
        journey=key,
        map_version=prepared.version,
        as_of=explained.as_of,
        status=explained.status.value,
        stage=explained.stage,
        outcome=explained.outcome,
        cycle=explained.cycle,
        reachable=[schemas.Reachable.model_validate(each) for each in explained.reachable],
    )


async def _folding_version(
    maps: MapCache, workspace_id: WorkspaceId, newest: PreparedMap, folded: _Folded | None
) -> PreparedMap:
    """The version that folded the state: only that one can read its facts."""
    if folded is None or folded.v == newest.version:
        prepared: PreparedMap | None = newest
    else:
        prepared = await maps.version(workspace_id, newest.key, folded.v)
    if prepared is None or (folded is not None and folded.f != FORMAT):
        raise RequestRefused(Code.EXPLANATION_PENDING, headers=RETRY_AFTER)
    return prepared


def _journey(
    states: Mapping[str, Mapping[str, _Folded]],
    newest: Mapping[str, PreparedMap],
    named: str | None,
) -> str:
    """Key of the journey to explain: the first in order of precedence that the account is on, or any.

    Raises RequestRefused(journey_unknown) if there is none.
    """
    if named is not None:
        return named
    on = {
        key
        for journeys in states.values()
        for key, folded in journeys.items()
        if folded.s.status is not Status.NOT_STARTED
    }
    key = next((key for key in newest if key in on), next(iter(newest), None))
    if key is None:
        raise RequestRefused(Code.JOURNEY_UNKNOWN)
    return key


def _subject(resolved: Resolved, prepared: PreparedMap) -> str:
    """Subject whose state the journey has: the person or the account."""
    if prepared.subject is SubjectKind.PERSON and resolved.person_id is not None:
        return resolved.person_id
    return resolved.subject_id
