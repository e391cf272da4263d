"""Starts of `make run`: again, after a kill, beside another program, as another user, on Kafka."""

import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import ROOT, require
from tests.support.eventually import wait_for
from tests.support.processes import free_port
from tests.support.standalone import (
    UNPRIVILEGED_USER,
    Start,
    curls,
    python_for_everybody,
    run_copied,
    stage_of,
    starting,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another system user could reach: as root, PostgreSQL runs as one."""
    with TemporaryDirectory(prefix="stageline-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    with starting(folder) as start:
        yield start


def test_runs_after_a_stop_and_after_a_kill_keep_the_data_and_do_not_double_it(
    start: Start,
) -> None:
    first = start(STAGELINE_HOST="127.0.0.1")
    first.wait_ready()
    postmaster = first.folder / ".stageline" / "postgres" / "postmaster.pid"
    before = json.loads(first.command("verify", "--json", "--deep").stdout)
    keys = first.credentials()
    accounts = first.get("/v1/accounts?limit=200")["items"]
    assert before["problems"] == [], "the sample of the first run"
    assert before["touchpoints"] > 300, "the sample of the first run"

    assert first.stop() == 0, "exit code of the first stop"
    assert not postmaster.exists(), "PostgreSQL outlived the first stop"

    second = start()
    second.wait_ready()
    after = json.loads(second.command("verify", "--json", "--deep").stdout)
    assert after == before, "data after a stop"

    second.kill()
    third = start()
    third.wait_ready()
    after_kill = json.loads(third.command("verify", "--json", "--deep").stdout)
    assert after_kill["problems"] == [], "data after a kill"
    assert after_kill["touchpoints"] == before["touchpoints"], "data after a kill"
    assert len(third.get("/v1/accounts?limit=200")["items"]) == len(accounts), "data after a kill"
    assert third.credentials()["write_key"] == keys["write_key"], "keys after a kill"
    assert third.credentials()["secret_key"] == keys["secret_key"], "keys after a kill"

    assert third.stop() == 0, "exit code of the stop after a kill"
    assert not postmaster.exists(), "PostgreSQL outlived the stop after a kill"


def test_a_port_in_use_is_named_in_one_sentence(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        running = start(port)
        code = running.process.wait(60)

    assert code == 1
    assert f"port {port} on 127.0.0.1 is not free" in running.output()
    assert "STAGELINE_PORT" in running.output()
    assert "Traceback" not in running.output()


def test_a_wrong_setting_is_named_and_nothing_starts(start: Start) -> None:
    running = start(STAGELINE_PARTITIONS="many")

    assert running.process.wait(60) == 1
    assert "STAGELINE_PARTITIONS" in running.output()
    assert "Traceback" not in running.output()


def test_an_ordinary_user_can_run_it_as_well_as_root(folder: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root can become another user")
    os.chown(folder, UNPRIVILEGED_USER, UNPRIVILEGED_USER)
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])

    with starting(folder) as start:
        running = start(
            python=python_for_everybody(),
            user=UNPRIVILEGED_USER,
            HOME=str(folder),
            PYTHONPATH=packages,
        )
        running.wait_ready()
        owner = (folder / ".stageline" / "postgres").stat().st_uid
        code = running.stop()

    assert owner == UNPRIVILEGED_USER
    assert code == 0


def three_free_ports() -> int:
    """The first of three ports in a row that are free."""
    while True:
        first = free_port()
        try:
            for port in (first + 1, first + 2):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def test_the_three_processes_on_kafka_start_answer_and_stop_together(
    kafka_jars: Path, folder: Path, start: Start
) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")
    assert kafka_jars.is_dir()
    # As in a checkout.
    Path(folder, ".venv").symlink_to(sys.prefix)
    running = start(three_free_ports(), module="deploy.dev.kafka_stack")
    running.wait_ready()

    post, read = curls(running.output())
    posted = run_copied(post)
    stage = wait_for(lambda: stage_of(read, running.folder), within=20)
    code = running.stop()

    assert posted == {"accepted": 1, "rejected": []}
    assert stage["stage"] == "evaluation"
    assert code == 0
    assert not (running.folder / ".stageline" / "kafka" / "postgres" / "postmaster.pid").exists()


def test_without_the_sample_a_ready_map_and_one_event_give_a_stage(
    start: Start, folder: Path
) -> None:
    Path(folder, ".venv").symlink_to(sys.prefix)
    started = start(STAGELINE_SAMPLE="false")
    started.wait_ready()
    journeys = started.get("/v1/journeys")["items"]
    (publish,) = re.findall(
        r"^\.venv/bin/stageline (map publish .*)$", started.output(), re.MULTILINE
    )

    published = started.command(*publish.split())
    post, read = curls(started.output())
    run_copied(post)
    stage = wait_for(lambda: stage_of(read, started.folder), within=20)

    assert journeys == []
    assert (published.returncode, published.stdout) == (0, "b2b-jtbd-7 version 1 is published\n")
    assert (stage["account_id"], stage["stage"]) == ("acme", "evaluation")
    assert [each["account_id"] for each in started.get("/v1/accounts")["items"]] == ["acme"]
