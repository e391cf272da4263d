"""`stageline source test`: shows what ingest would make of a sample, by ingest's own code. Sends nothing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from services.cli.client.errors import REFUSED, fail, printable
from services.cli.client.http import print_json
from services.cli.client.target import target
from services.cli.sources.lookup import find_source
from services.ingest.dry_run import DryRun
from services.ingest.events.candidate import ForeignItem
from services.ingest.events.verdicts import Refused
from services.ingest.limits import Limits
from services.ingest.protocols.webhooks.parse import (
    Delivery,
    DeliveryContext,
    parse,
    why_unmapped,
)
from shared.clock import SystemClock
from shared.contracts.message_ids import as_sent
from shared.sources import mappings
from shared.sources.mapping import CompiledMapping, MappingProblem, compile_mapping
from shared.sources.source import SourceKind, SourceSettings, settings_from

_INGEST = DryRun(limits=Limits(max_body_bytes=20_000_000))
_SAMPLE = "sample"
_OURS = ("v", "workspace_id", "received_at", "source")
"""Fields of an envelope that do not depend on the sample."""


def try_sample(
    file: Annotated[Path, typer.Argument(help="A body as the provider sends it; JSON or XML.")],
    *,
    source: Annotated[
        str | None, typer.Option(help="Name of a source: its kind, settings and mapping.")
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="A mapping: a file, or the name of a ready one.")
    ] = None,
    kind: Annotated[
        SourceKind | None, typer.Option(help="Who sends, where no source says it.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the api.")] = None,
    key: Annotated[str | None, typer.Option(help="Secret key with sources:read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Show what a sample becomes: touchpoints, dead letters, refusals. Nothing is sent."""
    body = file.read_bytes()
    if source is None and mapping is None and kind is None:
        fail("say how to read it: --source NAME, --mapping FILE or --kind KIND", 2)
    settings = SourceSettings()
    if source is not None:
        stored = find_source(target(url, key, secret=True), source)
        settings, kind = settings_from(stored["settings"]), SourceKind(stored["kind"])
    written = settings.mapping if mapping is None else _read(mapping)
    context = DeliveryContext(
        kind=kind or SourceKind.GENERIC,
        source_id=_SAMPLE,
        settings=settings,
        mapping=None if written is None else compiled(written),
    )
    parsed = parse(body, context, _INGEST.limits)
    if not isinstance(parsed, Delivery):
        fail(f"ingest would refuse the body: {parsed.detail}", REFUSED)
    reports = [
        _item_report(position, items, context, is_kept=parsed.unmapped(position) is not None)
        for position, items in enumerate(parsed.items)
    ]
    if as_json:
        print_json({"items": reports})
    else:
        for each in reports:
            _show(each)
    if any(each["unmapped"] is not None or each["rejected"] for each in reports):
        raise typer.Exit(REFUSED)


def compiled(written: Mapping[str, Any]) -> CompiledMapping:
    """The mapping compiled. Exits with a sentence for one that cannot be used."""
    try:
        return compile_mapping(written)
    except MappingProblem as exc:
        fail(f"the mapping cannot be used: {exc}", REFUSED)


def _read(name: str) -> dict[str, Any]:
    """A mapping of the product by its name, or the one in a file."""
    try:
        text = mappings.read(name) if name in mappings.names() else Path(name).read_text("utf-8")
        written = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        fail(f"{name}: this is neither YAML nor JSON", REFUSED)
    if not isinstance(written, dict):
        fail(f"{name}: a mapping is an object with `rules`", REFUSED)
    return written


def _item_report(
    position: int, items: Sequence[ForeignItem], context: DeliveryContext, *, is_kept: bool
) -> dict[str, Any]:
    """Report on one item of the sample: its touchpoints, why it is unmapped, what is refused.

    `is_kept`: ingest would store the whole item as a dead letter rather than refuse a part of it.
    """
    touchpoints: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    unmapped: str | None = None
    received_at = SystemClock().now()
    for item in items:
        verdict = (
            item if isinstance(item, Refused) else _INGEST.validate(item, received_at=received_at)
        )
        if isinstance(verdict, Refused):
            rejected.append({"code": verdict.code, "detail": verdict.detail})
        elif verdict.envelope.type == "unmapped":
            unmapped = why_unmapped(verdict.envelope.properties, context)
        else:
            envelope = msgspec.to_builtins(verdict.envelope)
            envelope["message_id"] = as_sent(envelope["message_id"])
            touchpoints.append({k: v for k, v in envelope.items() if k not in _OURS})
    if rejected and is_kept:
        unmapped = "; ".join(f"{each['code']}: {each['detail']}" for each in rejected)
        touchpoints, rejected = [], []
    return {
        "index": position,
        "touchpoints": touchpoints,
        "unmapped": unmapped,
        "rejected": rejected,
    }


def _show(report: Mapping[str, Any]) -> None:
    for line in _lines(report):
        typer.echo(printable(line))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    where = f"item {report['index']}"
    for touchpoint in report["touchpoints"]:
        yield f"{where}: {touchpoint['event']} ({touchpoint.get('type', 'track')})"
        for name, value in touchpoint.items():
            if name not in ("event", "type"):
                text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                yield f"  {name}: {text}"
    for refusal in report["rejected"]:
        yield f"{where}: refused, {refusal['code']}: {refusal['detail']}"
    if report["unmapped"] is not None:
        yield f"{where}: kept as a dead letter: {report['unmapped']}"
    elif not report["touchpoints"] and not report["rejected"]:
        yield f"{where}: known and not wanted"
