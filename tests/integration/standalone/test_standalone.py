"""`make run` as a newcomer meets it: one real process that the tests only look at."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from services.cli.sources.settings import changed_settings
from tests.conftest import ROOT, require
from tests.support.eventually import wait_for
from tests.support.processes import free_port
from tests.support.standalone import (
    Standalone,
    curls,
    printed_by,
    run_copied,
    stage_of,
    starting,
)


@pytest.fixture(scope="module")
def running() -> Iterator[Standalone]:
    """One that the tests only look at."""
    with TemporaryDirectory(prefix="stageline-") as name:
        Path(name).chmod(0o755)
        # As in a checkout.
        Path(name, ".venv").symlink_to(sys.prefix)
        with starting(Path(name)) as start:
            started = start()
            started.wait_ready()
            yield started


def test_the_printed_commands_work_as_they_are(running: Standalone) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")

    post, read = curls(running.output())
    posted = run_copied(post)
    stage = wait_for(lambda: stage_of(read, running.folder), within=20)

    assert posted == {"accepted": 1, "rejected": []}
    assert (stage["account_id"], stage["stage"]) == ("acme", "evaluation")


def blocks_of_readme(heading: str) -> list[str]:
    section = (ROOT / "README.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)```", section, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_readme_work_in_the_folder(running: Standalone) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")
    calls, commands = blocks_of_readme("Post an event, read a stage")
    environment, post, read = calls.split("\n\n")

    posted = run_copied(f"{environment}\n{post}", running.folder)
    stage = wait_for(lambda: stage_of(f"{environment}\n{read}", running.folder), within=20)
    shown = printed_by(f"set -e\n{environment}\n{commands}", running.folder)

    assert posted == {"accepted": 1, "rejected": []}
    assert stage["stage"] == "evaluation"
    assert "acme on b2b-jtbd-7 version 1: evaluation" in shown


def test_the_commands_of_the_welcome_work_in_the_folder(running: Standalone) -> None:
    commands = re.findall(r"^\.venv/bin/stageline .*", running.output(), re.MULTILINE)

    *commands, close, opening = commands
    pairs = [
        command.removeprefix(".venv/bin/stageline source set website ").split()
        for command in (close, opening)
    ]

    assert commands[0] == ".venv/bin/stageline tail website"  # it never ends; watched below
    assert len(commands) == 4
    # Not run: the tests beside this one send by the key that they change.
    assert [changed_settings(each, None, present={}) for each in pairs] == [
        {"allowed_origins": ["https://YOUR-SITE.example"]},
        {"value": "keep", "account_traits": "keep", "joins": "keep", "max_age_days": 36500},
    ]
    for command in (*commands[1:2], *commands[3:]):
        assert len(printed_by(command, running.folder).splitlines()) > 1


@contextmanager
def watching(running: Standalone, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A `stageline tail` of the folder, read through a pipe."""
    command = [sys.executable, "-m", "services.cli", "tail", "website", "-n", "1", *options]
    with subprocess.Popen(  # noqa: S603 - our own command line
        command,
        cwd=running.folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_is_sent_shows_in_the_tail_with_what_became_of_it(
    running: Standalone,
) -> None:
    credentials, sent = running.credentials(), {"t-1", "t-2"}
    with watching(running, "--json") as tail:
        assert tail.stdout is not None
        # Whatever came last, which says that it is watching.
        assert json.loads(tail.stdout.readline())["source"] == "website"
        httpx.post(
            f"{credentials['base_url']}/v1/touchpoints",
            headers={"Authorization": f"Bearer {credentials['write_key']}"},
            json=[
                {"event": "Demo Requested", "account_id": "tailed", "message_id": "t-1"},
                {"event": "Demo Requested", "message_id": "t-2"},
            ],
        )
        # What other tests have sent may still be on its way.
        lines = (json.loads(line) for line in iter(tail.stdout.readline, ""))
        ours = itertools.islice((line for line in lines if line["message_id"] in sent), 2)
        by_id = {line["message_id"]: line for line in ours}
        tail.send_signal(signal.SIGINT)
        code = tail.wait(10)

    moves = by_id["t-1"]["became"]["transitions"]
    assert [(move["journey"], move["to_stage"]) for move in moves] == [("b2b-jtbd-7", "evaluation")]
    assert (by_id["t-2"]["outcome"], by_id["t-2"]["code"]) == ("refused", "missing_identity")
    assert code == 0


def test_each_line_of_the_tail_goes_through_a_pipe_at_once(running: Standalone) -> None:
    with watching(running) as tail:
        assert tail.stdout is not None
        # It never ends by itself: what stays in a buffer is never read.
        assert "/v1/touchpoints" in tail.stdout.readline()


def test_everything_is_in_the_folder_and_the_keys_are_for_its_owner_alone(
    running: Standalone,
) -> None:
    path = running.folder / ".stageline" / "credentials.json"
    credentials = running.credentials()

    assert path.stat().st_mode & 0o777 == 0o600
    assert {"base_url", "write_key", "secret_key"} <= credentials.keys()
    assert str(path) in running.output()
    assert credentials["write_key"] in running.output()


def test_the_secret_key_is_in_no_file_that_the_output_goes_to(running: Standalone) -> None:
    assert "sl_sk_" not in running.output()
    assert "see it by: .venv/bin/stageline env" in running.output()


def test_the_sample_has_accounts_in_every_stage_and_alerts_to_look_at(running: Standalone) -> None:
    placements = [
        account["placements"][0]
        for account in running.get("/v1/accounts?limit=200")["items"]
        if account["placements"]
    ]
    alerts = running.get("/v1/alerts?state=open")["items"]

    assert {placement["stage"] for placement in placements} == {
        "trigger", "research", "consideration", "evaluation", "purchase", "onboarding",
        "expansion_or_renewal",
    }  # fmt: skip
    assert {"active", "stalled", "ended"} == {placement["status"] for placement in placements}
    assert {alert["stage"] for alert in alerts} >= {"evaluation", "purchase"}


def test_a_second_instance_in_the_same_folder_is_refused_by_name(running: Standalone) -> None:
    second = Standalone(running.folder, free_port())
    code = second.process.wait(60)

    assert code == 1
    assert f"runs in this folder already (process {running.process.pid})" in second.output()
    assert "Traceback" not in second.output()
    assert running.process.poll() is None


def test_a_command_outside_the_folder_says_where_it_looks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "verify"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if "STAGELINE" not in name},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "STAGELINE_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
