"""The calls of the api: one router for each resource, in the order in which they are matched.

A parameter of a path takes slashes as well, so `/v1/accounts/{account_id}` must come after every other
route below an account, `/v1/people/{person}` after every other below a person, and
`/v1/sources/{source_id}` after every other below a source (tested).
"""

from services.api.routes import (
    accounts,
    alerts,
    campaigns,
    events,
    explain,
    history,
    journeys,
    kpis,
    people,
    publishing,
    source_access,
    source_events,
    sources,
    stage,
)
from services.api.routes.identity import conflicts, person
from services.api.routes.incoming import imports
from services.api.routes.operators import workspaces

ROUTERS = (
    stage.router,
    history.router,
    explain.router,
    accounts.router,
    alerts.router,
    campaigns.router,
    kpis.router,
    publishing.router,
    journeys.router,
    people.router,
    person.router,
    conflicts.router,
    events.router,
    imports.router,
    source_events.router,
    source_access.router,
    sources.router,
    workspaces.router,
)
