"""docker-compose.yml, carried out: its commands with its environment take an event to its stage."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.clock import SystemClock
from tests.conftest import ROOT
from tests.integration.deploy.compose import SERVICES, ComposeStack, declared
from tests.integration.deploy.expressions import selectors
from tests.support.eventually import eventually
from tests.support.folders import postgres_folder

pytestmark = pytest.mark.timeout(300)

MAP = """\
journey: compose-check
title: Does an event become a stage
subject: account
stages:
  - key: awareness
    title: Awareness
    job: hear of it
    owner: marketing
    enter: {event: Page Viewed}
  - key: evaluation
    title: Evaluation
    job: try it
    owner: sales
    enter: {event: Demo Requested}
"""


@pytest.fixture(scope="module")
def compose_stack(kafka_jars: Path) -> Iterator[ComposeStack]:
    """The running services of docker-compose.yml, on a broker and a database of their own."""
    assert kafka_jars.is_dir()
    with postgres_folder() as folder, ComposeStack(folder) as stack:
        yield stack


@pytest.fixture(scope="module")
def keys(compose_stack: ComposeStack) -> dict[str, str]:
    """A write key and a secret key, made as deploy/README.md says."""
    made = {}
    for kind in ("write", "secret"):
        done = compose_stack.run_once("cli", "keys", "create", "--kind", kind, "--json")
        assert done.returncode == 0, done.stderr
        made[kind] = json.loads(done.stdout)["key"]
    return made


@pytest.fixture(scope="module")
def journey(compose_stack: ComposeStack, keys: dict[str, str]) -> str:
    """A published map, put there as deploy/README.md says."""
    done = compose_stack.run_once(
        "cli", "map", "publish", "-", stdin=MAP, STAGELINE_SECRET_KEY=keys["secret"]
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return "compose-check"


async def test_an_event_sent_to_ingest_is_a_stage_in_the_api(
    compose_stack: ComposeStack, keys: dict[str, str], journey: str
) -> None:
    await _send(compose_stack, keys["write"], event="Demo Requested", account_id="acme")

    stage = await eventually(
        lambda: _stage(compose_stack, keys["secret"], "acme", journey), within=30
    )

    assert stage is not None
    assert (stage["stage"], stage["status"], stage["job"]) == ("evaluation", "active", "try it")


async def test_a_write_key_reads_nothing_and_no_key_does_nothing(
    compose_stack: ComposeStack, keys: dict[str, str]
) -> None:
    async with httpx.AsyncClient() as http:
        url = f"{compose_stack.addresses['api']}/v1/stage?account_id=acme"
        by_write_key = await http.get(url, headers=_bearer(keys["write"]))
        without_key = await http.post(
            f"{compose_stack.addresses['ingest']}/v1/touchpoints", json={"event": "X"}
        )

    assert by_write_key.status_code == 403
    assert without_key.status_code == 401


async def test_every_event_is_accounted_for(
    compose_stack: ComposeStack, keys: dict[str, str], journey: str
) -> None:
    await _send(compose_stack, keys["write"], event="Page Viewed", account_id="initech")
    await eventually(lambda: _stage(compose_stack, keys["secret"], "initech", journey), within=30)

    verified = compose_stack.run_once("cli", "verify", "--deep")

    assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_sigterm_ends_each_service_in_its_grace_and_what_it_knew_is_kept(
    compose_stack: ComposeStack, keys: dict[str, str], journey: str
) -> None:
    await _send(compose_stack, keys["write"], event="Demo Requested", account_id="umbrella")

    stopped = {service: compose_stack.stop(service) for service in SERVICES}
    for service in SERVICES:
        compose_stack.start(service)
    stage = await eventually(
        lambda: _stage(compose_stack, keys["secret"], "umbrella", journey), within=30
    )

    assert {service: end.exit_code for service, end in stopped.items()} == {
        "ingest": 0, "stager": 0, "api": 0,
    }  # fmt: skip
    assert [end for end in stopped.values() if end.took_seconds > end.grace_seconds] == []
    assert stage is not None
    assert stage["stage"] == "evaluation"


def test_services_log_json_and_no_secret(compose_stack: ComposeStack) -> None:
    passwords = [file.read_text() for file in compose_stack.secrets.glob("*_password")]

    assert len(passwords) == 6

    for service in SERVICES:
        log = compose_stack.log(service)
        for line in log.splitlines():
            assert json.loads(line)["level"] in {"debug", "info", "warning"}, line
        for password in passwords:
            assert password not in log


async def test_rules_and_dashboard_ask_only_for_what_the_running_services_expose(
    compose_stack: ComposeStack,
) -> None:
    exposed: dict[str, set[str]] = {}
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            answer = await http.get(f"{compose_stack.addresses[service]}/metrics")
            exposed[service] = set(_series(answer.text))

    for selector in selectors():
        if selector.metric == "up":
            continue
        # By the service that counts it: stageline_<service>_...; http belongs to all.
        owner = selector.metric.split("_")[1]
        owners = SERVICES if owner == "http" else (owner,)
        for service in owners:
            assert selector.metric in exposed[service], (service, selector)


def test_a_service_gets_no_variable_that_it_does_not_know() -> None:
    documented = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for service in SERVICES:
        for variable in declared()["services"][service]["environment"]:
            assert f"`{variable.removesuffix('_FILE')}`" in documented, variable


async def _send(stack: ComposeStack, key: str, *, event: str, account_id: str) -> None:
    touchpoint = {
        "event": event,
        "account_id": account_id,
        "user_id": "leah",
        "occurred_at": SystemClock().now().isoformat(),
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{stack.addresses['ingest']}/v1/touchpoints", json=touchpoint, headers=_bearer(key)
        )
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": 1, "rejected": []}


async def _stage(
    stack: ComposeStack, key: str, account_id: str, journey: str
) -> dict[str, Any] | None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(
            f"{stack.addresses['api']}/v1/stage",
            params={"account_id": account_id, "journey": journey},
            headers=_bearer(key),
        )
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _series(exposition: str) -> Iterator[str]:
    """Names of the series in an exposition; of those that have no sample yet too."""
    for family in text_string_to_metric_families(exposition):
        yield from (sample.name for sample in family.samples)
        match family.type:
            case "counter":
                yield f"{family.name}_total"
            case "histogram":
                yield from (f"{family.name}{suffix}" for suffix in ("_bucket", "_sum", "_count"))
            case _:
                yield family.name
