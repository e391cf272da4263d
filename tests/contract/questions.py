"""Questions made up from an OpenAPI document, and each answer held to what the document declares."""

import asyncio
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import services
import shared

Case = schemathesis.Case[Any]
Send = Callable[[Case], httpx.Response]
Variant = Callable[[Case], None]

_MAX_URL_CHARS = 60_000
"""Longer ones neither the client here nor a server lets through."""


@schemathesis.serializer("application/x-ndjson")
def _lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Lines are described as a string, and sent as they are."""
    return str(value).encode("utf-8", "surrogatepass")


async def fuzz(
    described: dict[str, Any],
    client: httpx.AsyncClient,
    *,
    authorization: Callable[[Case], str],
    examples: int,
    variants: Sequence[Variant],
) -> dict[str, set[int]]:
    """Ask every call `examples` times in each mode and variant; statuses by operation id.

    `authorization` is the header of a case. A variant may change a case before it is sent. Raises what
    schemathesis raises for an answer that is a fault or not declared.
    """
    _load_the_product()
    loop = asyncio.get_running_loop()

    async def ask(prepared: requests.PreparedRequest) -> httpx.Response:
        return await client.request(
            prepared.method or "",
            prepared.url or "",
            headers=[
                (name.encode("latin-1"), str(value).encode("latin-1"))
                for name, value in prepared.headers.items()
            ],
            content=prepared.body if isinstance(prepared.body, str | bytes) else None,
        )

    def send(case: Case) -> httpx.Response:
        keywords = case.as_transport_kwargs(base_url=str(client.base_url).rstrip("/"))
        prepared = requests.Request(
            **{k: v for k, v in keywords.items() if k not in {"timeout", "verify", "cert"}}
        ).prepare()
        assume(len(prepared.url or "") < _MAX_URL_CHARS)
        prepared.headers["Authorization"] = authorization(case)
        return asyncio.run_coroutine_threadsafe(ask(prepared), loop).result(timeout=60)

    return await asyncio.to_thread(_all, described, send, examples, variants)


def _load_the_product() -> None:
    """Import every module of ours.

    Hypothesis makes some of its values of the constants in the modules that are loaded: so that the
    questions are the same whatever other tests ran before, all of them are.
    """
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)


def _all(
    described: dict[str, Any], send: Send, examples: int, variants: Sequence[Variant]
) -> dict[str, set[int]]:
    statuses: dict[str, set[int]] = {}
    for each in schemathesis.openapi.from_dict(described).get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        raw = operation.definition.raw
        seen = statuses.setdefault(raw["operationId"], set())
        # What takes nothing in has no invalid request.
        has_input = bool(raw.get("parameters") or "requestBody" in raw)
        for mode in GenerationMode if has_input else (GenerationMode.POSITIVE,):
            for variant in variants:
                _try(operation, mode, examples, partial(_ask, send, seen, variant))
    return statuses


def _try(operation: Any, mode: GenerationMode, examples: int, ask: Callable[[Case], None]) -> None:
    @settings(
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        ask(case)

    check()


def _ask(send: Send, seen: set[int], variant: Variant, case: Case) -> None:
    variant(case)
    response = send(case)
    seen.add(response.status_code)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )
