"""What docs/ways-in shows for a terminal, Python and Node works as it stands there."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.compat.service import Service
from tests.compat.snippets import snippet
from tests.conftest import require
from tests.support import machine


async def run(service: Service, command: Sequence[str], text: str, folder: Path) -> str:
    """Run a snippet with the environment that the pages ask for; what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ
        | {
            "STAGELINE_URL": service.url,
            "STAGELINE_WRITE_KEY": service.write_key,
            "STAGELINE_SECRET_KEY": service.secret_key,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, error = await process.communicate(text.encode())
    assert process.returncode == 0, error.decode()
    return out.decode()


async def shell(service: Service, name: str, folder: Path) -> str:
    require(available=shutil.which("curl") is not None, reason="no `curl` on PATH")
    return await run(service, ["sh", "-eu"], snippet(name).text, folder)


async def events(service: Service, named: str, number: int) -> list[str]:
    applied = await service.applied_at_least(number, named)
    return sorted(each.envelope.event for each in applied)


async def test_curl_sends_one_event_several_and_a_mistyped_one(
    service: Service, tmp_path: Path
) -> None:
    one = await shell(service, "curl-one", tmp_path)
    lines = await shell(service, "curl-lines", tmp_path)
    mistyped = await shell(service, "curl-mistyped", tmp_path)

    assert json.loads(one) == json.loads(snippet("curl-one-answer").text)
    assert json.loads(lines) == {"accepted": 3, "rejected": []}
    [refused] = json.loads(mistyped)["rejected"]
    assert refused["code"] == "unknown_field"
    assert "`account_id`" in refused["detail"]
    assert await events(service, "curl-acme", 3) == [
        "Demo Requested",
        "Pricing Viewed",
        "Trial Started",
    ]


@pytest.mark.parametrize(
    ("name", "named", "expected"),
    [
        (
            "segment",
            "python-leah",
            ["Account Identified", "Demo Requested", "Person Identified"],
        ),
        ("rudder", "python-omar", ["Trial Started"]),
        ("posthog", "python-mia", ["Trial Started"]),
        ("plain", "invoice-2026-117", ["Invoice Paid"]),
    ],
)
async def test_python_works_as_shown(
    service: Service, tmp_path: Path, name: str, named: str, expected: list[str]
) -> None:
    text = snippet(f"python-{name}").text

    await run(service, [sys.executable, "-"], text, tmp_path)

    assert await events(service, named, len(expected)) == expected


@pytest.mark.parametrize(
    ("name", "named", "expected"),
    [
        ("segment", "node-leah", ["Account Identified", "Demo Requested", "Person Identified"]),
        ("rudder", "node-omar", ["Trial Started"]),
        ("posthog", "node-mia", ["Trial Started"]),
        ("plain", "node-invoice-117", ["Invoice Paid"]),
    ],
)
async def test_node_works_as_shown(
    service: Service, node_sdks: Path, name: str, named: str, expected: list[str]
) -> None:
    command = [str(machine.node()), "--input-type=module"]

    await run(service, command, snippet(f"node-{name}").text, node_sdks)

    assert await events(service, named, len(expected)) == expected


async def test_a_cloudevent_goes_in_by_curl_in_either_mode(
    service: Service, tmp_path: Path
) -> None:
    await shell(service, "cloudevents-structured", tmp_path)
    await shell(service, "cloudevents-binary", tmp_path)

    structured, binary = await service.applied_at_least(2, "cloud-acme")
    assert structured.envelope.properties == {"stage": "contract"}
    assert binary.envelope.properties == {"stage": "won"}
    assert {structured.subject, binary.subject} == {"cloud-acme"}
    assert binary.person == "user:leah"


async def test_opening_a_mail_goes_in_by_its_image(service: Service, tmp_path: Path) -> None:
    await shell(service, "email-pixel", tmp_path)

    [opened] = await service.applied_at_least(1, "pixel-acme")
    assert (tmp_path / "pixel.gif").read_bytes().startswith(b"GIF89a")
    assert (opened.envelope.event, opened.person) == ("Email Opened", "email:leah@pixel.example")
    assert opened.envelope.properties == {"mail": "welcome-2"}
