"""`/v1/accounts`: the list and the profile."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.api import cursors
from services.api.cursors import AccountPosition
from services.api.errors import Code, Refused
from services.api.map_cache import MapCache, PreparedMap
from services.api.operation import Answer, Call, Operation, json_answer
from services.api.queries import accounts as stored
from services.api.queries.connections import workspace_transaction
from services.api.schemas import accounts as schemas
from services.api.schemas import examples
from shared.contracts.subjects import is_person
from shared.ids import WorkspaceId
from shared.keys.principal import Scope

_LISTING = "accounts"

ACCOUNT_ID = (
    "The account's id, percent-encoded (slashes as `%2F`); also `user:ID`, `email:ADDR` or"
    " `anonymous:ID`. An id that was merged leads to what it became."
)


class AccountRoutes:
    """Answers who is on which journey, and what is known of an account."""

    def __init__(self, engine: AsyncEngine, maps: MapCache) -> None:
        """`engine` in the api's role; `maps` for titles and owners."""
        self._engine = engine
        self._maps = maps

    def operations(self) -> list[Operation]:
        """The calls of this resource."""
        return [
            Operation(
                method="GET",
                path="/v1/accounts",
                operation_id="listAccounts",
                tag="accounts",
                summary="Accounts, by where they stand",
                description=(
                    "Without filters every account; with filters those with a placement that"
                    " passes all of them. Persons without an account are listed as accounts."
                    " Ordered by id; go on with `next_cursor` until it is null."
                ),
                scope=Scope.STAGES_READ,
                handler=self.list,
                query=schemas.AccountsQuery,
                answers=[
                    Answer(
                        status=200,
                        description="A page of accounts.",
                        schema=schemas.Accounts,
                        example=examples.ACCOUNTS,
                    )
                ],
                refusals=[Code.INVALID_CURSOR],
            ),
            Operation(
                method="GET",
                path="/v1/accounts/{account_id}",
                operation_id="getAccount",
                tag="accounts",
                summary="All that is known of an account",
                description="Traits, people with their roles, placements, names that lead here.",
                scope=Scope.STAGES_READ,
                handler=self.get,
                parameters={"account_id": ACCOUNT_ID},
                answers=[
                    Answer(
                        status=200,
                        description="The account.",
                        schema=schemas.Account,
                        example=examples.ACCOUNT,
                    )
                ],
                refusals=[Code.SUBJECT_UNKNOWN],
            ),
        ]

    async def list(self, call: Call) -> Response:
        """A page of accounts."""
        asked = call.query(schemas.AccountsQuery)
        workspace_id = call.principal.workspace_id
        after = (
            cursors.decode(asked.cursor, AccountPosition, _LISTING, asked)
            if asked.cursor is not None
            else None
        )
        newest = await self._maps.newest(workspace_id)
        filters = stored.Filters(
            journey=asked.journey,
            stage=asked.stage,
            status=asked.status,
            stages=None if asked.owner is None else _stages_of(asked.owner, newest),
        )
        async with workspace_transaction(self._engine, workspace_id) as connection:
            ids = await stored.page(
                connection, workspace_id, filters, after=after, limit=asked.limit + 1
            )
            has_more = len(ids) > asked.limit
            ids = ids[: asked.limit]
            facts = await stored.facts(connection, workspace_id, ids)
            placed = await stored.placements(connection, workspace_id, ids, filters)
        by_account: dict[str, list[schemas.Placement]] = {}
        for row in placed:
            shown = await placement(self._maps, workspace_id, row)
            by_account.setdefault(row.subject_id, []).append(shown)
        return json_answer(
            schemas.Accounts(
                items=[
                    schemas.AccountItem(
                        account_id=each,
                        kind="person" if is_person(each) else "account",
                        last_event_at=facts[each].last_event_at if each in facts else None,
                        touchpoints=facts[each].touchpoints if each in facts else 0,
                        value=facts[each].value if each in facts else None,
                        placements=by_account.get(each, []),
                    )
                    for each in ids
                ],
                next_cursor=cursors.encode(AccountPosition(ids[-1]), _LISTING, asked)
                if has_more
                else None,
            )
        )

    async def get(self, call: Call) -> Response:
        """One account."""
        workspace_id = call.principal.workspace_id
        async with workspace_transaction(self._engine, workspace_id) as connection:
            resolved = await stored.resolve(connection, workspace_id, call.path["account_id"])
            if resolved is None:
                raise Refused(Code.SUBJECT_UNKNOWN)
            subject_id = resolved.subject_id
            found = await stored.facts(connection, workspace_id, [subject_id])
            facts = found.get(subject_id)
            if facts is None:
                raise Refused(Code.SUBJECT_UNKNOWN)
            placed = await stored.placements(connection, workspace_id, resolved.placed_ids())
            count, members = await stored.members(connection, workspace_id, subject_id)
            names = await stored.identifiers(connection, workspace_id, subject_id)
        return json_answer(
            schemas.Account(
                account_id=subject_id,
                kind="person" if is_person(subject_id) else "account",
                traits=facts.account_traits,
                value=facts.value,
                touchpoints=facts.touchpoints,
                last_event_at=facts.last_event_at,
                processed_at=facts.processed_at,
                placements=[await placement(self._maps, workspace_id, row) for row in placed],
                members=[
                    schemas.Member(
                        person_id=row.person_id,
                        role=row.role,
                        traits=row.traits,
                        first_seen_at=row.first_seen_at,
                    )
                    for row in members
                ],
                member_count=count,
                identifiers=names,
            )
        )


async def placement(
    maps: MapCache, workspace_id: WorkspaceId, row: stored.PlacementRow
) -> schemas.Placement:
    """A stored placement with what its map version says of the stage."""
    chart = await maps.version(workspace_id, row.journey, row.map_version)
    card = chart.stages.get(row.stage) if chart and row.stage is not None else None
    return schemas.Placement.model_validate(
        {
            "journey": row.journey,
            "map_version": row.map_version,
            "status": row.status,
            "stage": row.stage,
            "stage_title": card.title if card else None,
            "owner": card.owner if card else None,
            "outcome": row.outcome,
            "cycle": row.cycle,
            "entered_at": row.entered_at,
            "stalled_at": row.stalled_at,
            "milestones": row.milestones,
            "version": row.version,
            "processed_at": row.processed_at,
        }
    )


def _stages_of(owner: str, maps: Mapping[str, PreparedMap]) -> Sequence[tuple[str, str]]:
    return [
        (chart.key, card.key)
        for chart in maps.values()
        for card in chart.stages.values()
        if card.owner == owner
    ]
