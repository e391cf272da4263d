"""A database that is away, full or busy: ingest and api answer 503, the stager retries, none loses data.

Faults come from PostgreSQL itself: a function that raises the SQLSTATE, called by a row-level policy
where the api reads and by a trigger where the others write.
"""

import json

import pytest

from services.stager.errors import Conflict
from shared.errors import DatabaseUnavailable
from tests.integration.api.world import api_world
from tests.integration.ingest.server import serving
from tests.integration.stager.world import SALES, world
from tests.support.database import execute

STATES = ["25006", "25P03", "25P04", "40001", "53100", "53300", "55P03", "57P03", "58030", "58P01"]

_FAULT = """
CREATE OR REPLACE FUNCTION {name}() RETURNS {kind} LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'fault' USING ERRCODE = '{state}'; END $$
"""


async def _fail_reads(url: str, table: str, state: str) -> None:
    await execute(url, _FAULT.format(name="read_fault", kind="boolean", state=state))
    await execute(url, f"DROP POLICY IF EXISTS fault ON {table}")
    await execute(
        url, f"CREATE POLICY fault ON {table} AS RESTRICTIVE FOR SELECT USING (read_fault())"
    )


async def _fail_writes(url: str, table: str, state: str) -> None:
    await execute(url, _FAULT.format(name="write_fault", kind="trigger", state=state))
    await execute(
        url,
        f"CREATE OR REPLACE TRIGGER fault BEFORE INSERT ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION write_fault()",
    )


async def test_the_api_answers_503(database_url: str) -> None:
    async with api_world(database_url) as world:
        await world.subject("acme")
        for state in STATES:
            await _fail_reads(database_url, "subject", state)

            hot = await world.get("/v1/stage", account_id="acme")
            cold = await world.get("/v1/accounts")

            for answer in (hot, cold):
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
                assert int(answer.headers["retry-after"]) >= 1


async def test_ingest_answers_503(database_url: str) -> None:
    async with serving(database_url) as server:
        for state in STATES:
            await _fail_writes(database_url, "log_record", state)

            answer = await server.post("/v1/touchpoints", b'{"event": "A", "user_id": "u"}')

            assert (answer.status, json.loads(answer.body)["code"]) == (503, "log_unavailable")
            assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("state", STATES)
async def test_the_stager_retries_and_sets_nothing_aside(database_url: str, state: str) -> None:
    async with world(database_url, SALES) as w:
        await _fail_writes(database_url, "touchpoint", state)
        event = w.event("Demo Requested", account_id="acme", user_id="u1")

        with pytest.raises((DatabaseUnavailable, Conflict)):
            await w.send(event)

        await execute(database_url, "DROP TRIGGER fault ON touchpoint")
        await w.send(event)
        assert await w.verdicts() == (1, 0, 0)
