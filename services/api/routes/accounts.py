"""`/v1/accounts`: the list and the profile."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query

from services.api.cursors import AccountPosition
from services.api.dependencies import AccountId, Database, Maps
from services.api.errors import Code, RequestRefused
from services.api.http.routing import ScopedRouter
from services.api.maps.cache import MapCache, PreparedMap
from services.api.pagination import paginate, position
from services.api.queries import accounts as stored
from services.api.schemas import accounts as schemas
from shared.contracts.names import is_person
from shared.ids import WorkspaceId
from shared.keys.principal import Scope

router = ScopedRouter(prefix="/v1/accounts", tags=["accounts"])

_LISTING = "accounts"


@router.get(
    "",
    operation_id="listAccounts",
    scope=Scope.STAGES_READ,
    refusals=[Code.INVALID_CURSOR],
    summary="Accounts, filtered by their placements",
    response_description="A page of accounts.",
    example=schemas.ACCOUNTS_EXAMPLE,
)
async def list_accounts(
    query: Annotated[schemas.AccountsQuery, Query()], database: Database, maps: Maps
) -> schemas.Accounts:
    """All accounts, or those with a placement that passes all filters, ordered by id.

    Persons without an account are listed as accounts. Continue with `next_cursor` until it is null.
    """
    workspace_id = database.workspace_id
    after = position(query, AccountPosition, _LISTING)
    stages = None
    if query.owner is not None:
        stages = _stages_of(query.owner, await maps.newest(workspace_id))
    filters = stored.Filters(
        journey=query.journey, stage=query.stage, status=query.status, stages=stages
    )
    async with database.transaction() as connection:
        ids = await stored.page(
            connection, workspace_id, filters, after=after, limit=query.limit + 1
        )
        page = paginate(ids, query, _LISTING, AccountPosition)
        facts = await stored.facts(connection, workspace_id, page.rows)
        placements = await stored.placements(connection, workspace_id, page.rows, filters)
    by_account: dict[str, list[schemas.Placement]] = {}
    for row in placements:
        shown = await placement(maps, workspace_id, row)
        by_account.setdefault(row.subject_id, []).append(shown)
    return schemas.Accounts(
        items=[
            schemas.AccountItem(
                account_id=each,
                kind="person" if is_person(each) else "account",
                last_event_at=facts[each].last_event_at if each in facts else None,
                touchpoints=facts[each].touchpoints if each in facts else 0,
                value=facts[each].value if each in facts else None,
                placements=by_account.get(each, []),
            )
            for each in page.rows
        ],
        next_cursor=page.next_cursor,
    )


# A parameter takes slashes as well, so this route comes after all others below an account.
@router.get(
    "/{account_id:encoded}",
    operation_id="getAccount",
    scope=Scope.STAGES_READ,
    refusals=[Code.SUBJECT_UNKNOWN],
    summary="Profile of an account",
    response_description="The account.",
    example=schemas.ACCOUNT_EXAMPLE,
)
async def get_account(account_id: AccountId, database: Database, maps: Maps) -> schemas.Account:
    """Traits, members with their roles, placements, names that resolve to the account."""
    workspace_id = database.workspace_id
    async with database.transaction() as connection:
        resolved = await stored.resolve(connection, workspace_id, account_id)
        if resolved is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        subject_id = resolved.subject_id
        facts = (await stored.facts(connection, workspace_id, [subject_id])).get(subject_id)
        if facts is None:
            raise RequestRefused(Code.SUBJECT_UNKNOWN)
        placements = await stored.placements(connection, workspace_id, resolved.placed_ids())
        count, members = await stored.members(connection, workspace_id, subject_id)
        names = await stored.identifiers(connection, workspace_id, subject_id)
    return schemas.Account(
        account_id=subject_id,
        kind="person" if is_person(subject_id) else "account",
        traits=facts.account_traits,
        value=facts.value,
        touchpoints=facts.touchpoints,
        last_event_at=facts.last_event_at,
        processed_at=facts.processed_at,
        placements=[await placement(maps, workspace_id, row) for row in placements],
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


async def placement(
    maps: MapCache, workspace_id: WorkspaceId, row: stored.PlacementRow
) -> schemas.Placement:
    """A stored placement with title and owner of its stage, from its map version."""
    prepared = await maps.version(workspace_id, row.journey, row.map_version)
    card = prepared.stages.get(row.stage) if prepared and row.stage is not None else None
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
        (prepared.key, card.key)
        for prepared in maps.values()
        for card in prepared.stages.values()
        if card.owner == owner
    ]
