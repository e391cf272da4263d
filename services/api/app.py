"""Composition of the api: settings to parts, parts to an ASGI application.

The import contract "Api rooms" in pyproject.toml lists the packages in their order.
"""

from fastapi import FastAPI

from services.api.context import ApiContext
from services.api.document import part
from services.api.http.problems import HANDLERS
from services.api.maps.cache import MapCache
from services.api.queries.connections import StageConnections, opener
from services.api.queries.stage import ping
from services.api.routes import ROUTERS
from services.api.routes.bare_stage import BareStageRoute
from services.api.settings import ApiSettings
from services.api.stage_gauges import StageGauges
from shared.clock import Clock
from shared.contracts.identity_limits import IdentityLimits
from shared.http import front as front_page
from shared.http.front import Front
from shared.http.health import Health, MetricsPeers
from shared.http.health import routes as health_routes
from shared.http.observe import Observe
from shared.http.openapi import Json, document, served
from shared.http.raw_path import RawPath
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import KeyCache
from shared.storage.connect import DatabaseRole, create_engine
from shared.telemetry.metrics import Metrics

FRONT = Front(
    title="Stageline API",
    about="Tells for every account where it stands on its journey, since when, why, and what is"
    " missing for the next stage.",
    example='curl "$STAGELINE_URL/v1/stage?account_id=acme" \\\n'
    '  -H "Authorization: Bearer $STAGELINE_SECRET_KEY"',
    documents={
        "docs/reading.md": "how to read accounts, stages and alerts, on a terminal and by HTTP",
        "docs/maps.md": "how a journey is written down",
        "docs/sources.md": "who sends events, and how to watch them arrive",
        "docs/problems.md": "every error and what to do about it",
    },
)


def build(settings: ApiSettings, *, keys: KeyCache, clock: Clock, metrics: Metrics) -> ApiContext:
    """The parts as `settings` say."""
    url = settings.database_url.get_secret_value()
    engine = create_engine(
        url,
        role=DatabaseRole.API,
        application_name="stageline-api",
        pool_size=settings.query_connections,
    )
    return ApiContext(
        connections=StageConnections(
            opener(url, timeout_seconds=settings.stage_timeout_seconds),
            max_size=settings.stage_connections,
            timeout_seconds=settings.stage_timeout_seconds,
        ),
        engine=engine,
        keys=keys,
        clock=clock,
        metrics=metrics,
        maps=MapCache(engine),
        stage_gauges=StageGauges(engine, metrics, period_seconds=settings.gauge_seconds),
        max_map_bytes=settings.max_map_bytes,
        identity_limits=IdentityLimits(
            user_ids=settings.identity_user_ids,
            records=settings.identity_records,
            addresses=settings.identity_addresses,
            names=settings.identity_names,
        ),
    )


def create_health(context: ApiContext) -> Health:
    """Ready means: keys were read at least once, and the database answers."""

    async def keys_loaded() -> bool:
        return context.keys.loaded

    async def postgres() -> bool:
        return await ping(context.connections, DEFAULT_WORKSPACE)

    return Health({"keys": keys_loaded, "postgres": postgres})


def create_app(
    context: ApiContext,
    health: Health | None = None,
    *,
    front: Front = FRONT,
    described: Json | None = None,
    is_stage_bare: bool = True,
    metrics_peers: MetricsPeers = "loopback",
) -> FastAPI:
    """The application of the api process: calls, document, `/`, and `/livez` `/readyz` `/metrics`.

    `front` and `described` cover more than the api where more is served. Without `is_stage_bare` the
    stage query goes through FastAPI as well: for the test and the benchmark that compare the two.
    """
    health = health or create_health(context)
    app = FastAPI(
        title="Stageline API",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Our own metrics count requests; asking about these costs each request a tenth of its time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # The hot path comes first: routes are tried in order.
        routes=[
            *([BareStageRoute(context)] if is_stage_bare else []),
            front_page.route(front),
            *health_routes(health, context.metrics.registry, metrics_peers=metrics_peers),
        ],
        exception_handlers=HANDLERS,
    )
    described = described or document("Stageline API", [part()])
    # FastAPI's documented way to publish a document of one's own.
    app.openapi = served(described)  # type: ignore[method-assign]
    app.state.context = context
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(RawPath)
    app.add_middleware(Observe, service="api", metrics=context.metrics, health=health)
    return app
