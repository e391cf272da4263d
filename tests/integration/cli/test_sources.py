"""`stageline source` against a real api on a real port and database."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.client.http import client
from services.cli.client.target import ApiTarget
from services.cli.main import app
from services.cli.sources.tail import events
from shared.http.server import serve
from shared.ids import DEFAULT_WORKSPACE
from shared.process.listener import bind
from tests.integration.api.world import NOW, World, api_world


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCommand:
    """The command line with a secret key in its environment."""

    url: str
    key: str
    world: World

    async def __call__(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run in a thread: the api that it talks to runs on this loop."""
        words = ["source", *arguments, "--url", self.url, "--key", self.key]
        return await asyncio.to_thread(CliRunner().invoke, app, words, input=stdin)


@pytest.fixture
async def command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[SourceCommand]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAGELINE_DATABASE_URL", database_url)
    monkeypatch.delenv("STAGELINE_PUBLIC_BASE_URL", raising=False)
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    async with api_world(database_url) as world, asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(world.app, listener, stop), name="api")
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield SourceCommand(url=url, key=world.secret, world=world)
        stop.set()


async def test_a_source_is_made_changed_shown_and_removed(command: SourceCommand) -> None:
    made = await command("create", "website", "--kind", "web", "ip=drop", "hash_fields=email")
    changed = await command("set", "website", "ip=", "consent.required=ads", "--rename", "shop")
    shown = await command("show", "shop", "--json")
    printed = await command("show", "shop")
    listed = await command("list")
    removed = await command("delete", "shop", "--yes")
    after = await command("list", "--json")

    codes = [each.exit_code for each in (made, changed, shown, printed, listed, removed)]
    assert codes == [0] * 6
    assert "website is made: src_" in made.stdout
    settings = json.loads(shown.stdout)["settings"]
    assert settings["ip"] == "truncate"
    assert settings["hash_fields"] == ["email"]
    assert settings["consent"] == {"required": ["ads"], "when_missing": "drop"}
    assert "consent.required=ads" in printed.stdout
    assert "ip=" not in printed.stdout
    assert "shop" in listed.stdout
    assert json.loads(after.stdout)["items"] == []


async def test_a_provider_gets_the_public_address_to_post_to(
    command: SourceCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await command("create", "billing", "--kind", "stripe")
    monkeypatch.setenv("STAGELINE_PUBLIC_BASE_URL", "https://events.acme.example/")
    public = json.loads((await command("show", "billing", "--json")).stdout)

    path = public["webhook_path"]
    assert path == f"/v1/webhooks/stripe/{public['source_id']}"
    assert f"post to: {command.url}{path}" in here.stdout
    assert public["webhook_url"] == f"https://events.acme.example{path}"


async def test_secrets_are_added_rotated_and_ended(command: SourceCommand) -> None:
    await command("create", "billing", "--kind", "stripe")
    first = await command("secret", "add", "billing", "--value", "-", stdin="whsec_the_first\n")
    second = await command(
        "secret", "add", "billing", "--value", "whsec_the_second",
        "--others-end-in-hours", "24", "--json",
    )  # fmt: skip
    secret_id = json.loads(second.stdout)["secret_id"]
    ended = await command("secret", "expire", "billing", secret_id)
    shown = await command("show", "billing", "--json")

    assert (first.exit_code, second.exit_code, ended.exit_code) == (0, 0, 0)
    assert "whsec_the" not in first.stdout + second.stdout + shown.stdout
    (left,) = json.loads(shown.stdout)["secrets"]
    assert left["secret_id"] != secret_id
    assert left["expires_at"] == "2026-03-11T12:00:00Z"


async def test_a_secret_that_we_make_is_printed_once(command: SourceCommand) -> None:
    await command("create", "partner", "--kind", "standard-webhooks")
    added = await command("secret", "add", "partner")

    assert added.stdout.startswith("whsec_")
    assert added.stdout.strip() not in (await command("show", "partner")).stdout


async def test_a_key_of_a_source_is_printed_and_its_tag_says_where_to_put_it(
    command: SourceCommand,
) -> None:
    await command("create", "website", "--kind", "web")
    key = await command("key", "website", "--label", "shop")
    tag = await command("snippet", "website")

    assert key.stdout.startswith("sl_wk_")
    assert tag.stdout == (
        f'<script defer src="{command.url}/s.js" data-key="YOUR_WRITE_KEY"></script>\n'
    )
    assert "stageline source key website" in tag.stderr


async def test_pausing_and_resuming_show_in_the_list(command: SourceCommand) -> None:
    await command("create", "website", "--kind", "web")
    await command("pause", "website")
    paused = await command("list")
    await command("resume", "website")
    active = await command("list")

    assert "paused" in paused.stdout
    assert "active" in active.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "webside"), "did you mean website?"),
        (("show", "x"), "there are: website"),
        (("set", "website"), "nothing to change"),
        (("set", "website", "ip=hide"), "ip: keep, truncate or drop"),
        (("create", "website", "--kind", "server"), "has this name"),
        (("create", "other", "--kind", "carrier-pigeon"), "carrier-pigeon"),
        (("secret", "add", "website", "--value", "long enough"), "show a key"),
        (("delete", "website"), "--yes"),
    ],
)
async def test_mistakes_end_in_a_sentence_and_change_nothing(
    command: SourceCommand, arguments: tuple[str, ...], said: str
) -> None:
    await command("create", "website", "--kind", "web")
    before = (await command("list", "--json")).stdout

    answer = await command(*arguments)

    assert answer.exit_code != 0
    assert said in answer.output
    assert (await command("list", "--json")).stdout == before


async def test_a_key_without_the_scope_is_refused_by_name(command: SourceCommand) -> None:
    poor = SourceCommand(url=command.url, key=command.world.write, world=command.world)

    answer = await poor("list")

    assert answer.exit_code == 3
    assert "does not hold" in answer.output


async def test_an_operator_binds_a_key_to_a_source_without_the_api(command: SourceCommand) -> None:
    await command("create", "website", "--kind", "web")
    await command("create", "billing", "--kind", "stripe")

    def keys(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["keys", *arguments])

    bound = await asyncio.to_thread(keys, "create", "--kind", "write", "--source", "website")
    listed = await asyncio.to_thread(keys, "list", "--json")
    wrong = [
        await asyncio.to_thread(keys, "create", *arguments)
        for arguments in (
            ("--kind", "write", "--source", "nowhere"),
            ("--kind", "write", "--source", "billing"),
            ("--kind", "secret", "--source", "website"),
        )
    ]

    source_id = json.loads((await command("show", "website", "--json")).stdout)["source_id"]
    key_id = bound.stdout.strip().split("_")[2]
    by_id = {item["key_id"]: item["source_id"] for item in json.loads(listed.stdout)["items"]}
    assert by_id[key_id] == source_id
    assert [each.exit_code for each in wrong] == [1, 1, 2]


async def test_the_tail_of_all_sources_follows_those_made_later_and_outlives_those_removed(
    command: SourceCommand,
) -> None:
    async def seen(name: str, event: str) -> None:
        made = json.loads((await command("create", name, "--kind", "server", "--json")).output)
        await command.world.insert(
            "source_event",
            workspace_id=DEFAULT_WORKSPACE,
            source_id=made["source_id"],
            received_at=NOW,
            route="/v1/touchpoints",
            outcome="refused",
            code="missing_identity",
            event=event,
        )

    to = ApiTarget(url=command.url, key=command.key)
    with client(to) as asking:
        newest = events(to, asking, None, last=1)

        async def shown() -> tuple[str, str]:
            name, event = await asyncio.to_thread(next, newest)
            return name, event["event"]

        await seen("shop", "First")
        before = await shown()
        await command("delete", "shop", "--yes")
        await seen("app", "Second")

        assert (before, await shown()) == (("shop", "First"), ("app", "Second"))


@pytest.mark.parametrize("source", [None, "(none)", "none"])
async def test_the_tail_shows_events_of_keys_without_a_source(
    command: SourceCommand, source: str | None
) -> None:
    await command("create", "shop", "--kind", "server")
    await command.world.insert(
        "source_event",
        workspace_id=DEFAULT_WORKSPACE,
        source_id="none",
        received_at=NOW,
        route="/v1/touchpoints",
        outcome="refused",
        code="missing_identity",
        event="First",
    )

    to = ApiTarget(url=command.url, key=command.key)
    with client(to) as asking:
        name, event = await asyncio.to_thread(next, events(to, asking, source, last=1))

    assert (name, event["event"]) == ("(none)", "First")


async def test_a_provider_that_signs_the_address_warns_until_the_public_one_is_set(
    command: SourceCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await command("create", "our crm", "--kind", "hubspot")
    shown = await command("show", "our crm", "--json")
    other = await command("create", "payments", "--kind", "stripe")
    body_only = await command("create", "flows", "--kind", "hubspot", "hubspot_signatures=v1")
    monkeypatch.setenv("STAGELINE_PUBLIC_BASE_URL", "https://events.acme.example")
    ready = await command("show", "our crm")

    for warned in (made, shown):
        assert "until Stageline runs with STAGELINE_PUBLIC_BASE_URL set" in warned.stderr
    assert json.loads(shown.stdout)["kind"] == "hubspot"
    assert "STAGELINE_PUBLIC_BASE_URL" not in other.stderr + body_only.stderr
    assert ready.stderr == ""


async def test_the_next_command_can_be_copied_whatever_the_name_is(command: SourceCommand) -> None:
    made = await command("create", "Anna's shop", "--kind", "web")

    assert made.stderr == """Next: stageline source key 'Anna'"'"'s shop'\n"""


async def test_the_wrong_credential_for_a_kind_is_answered_with_the_right_command(
    command: SourceCommand,
) -> None:
    await command("create", "our crm", "--kind", "hubspot")
    await command("create", "our shop", "--kind", "web")

    key = await command("key", "our crm")
    secret = await command("secret", "add", "our shop")

    assert (key.exit_code, secret.exit_code) == (1, 1)
    assert "is known by a secret: stageline source secret add 'our crm'" in key.stderr
    assert "show a key: stageline source key 'our shop'" in secret.stderr
