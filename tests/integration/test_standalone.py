"""`make run` as a newcomer meets it: a real process, its output read and its commands run."""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, require

READY_SECONDS = 90.0
NOBODY = 65534


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Standalone:
    """One process and what it has said so far."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        python: str = sys.executable,
        module: str = "services.standalone",
        user: int | None = None,
        **environ: str,
    ) -> None:
        self.folder = folder
        self.log = folder / f"output-{monotonic()}.txt"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line
                [python, "-m", module],
                cwd=folder,
                env=os.environ | {"STAGELINE_PORT": str(port)} | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait_ready(self) -> None:
        end = monotonic() + READY_SECONDS
        while "Ctrl-C stops it" not in self.output():
            assert self.process.poll() is None, self.output()
            assert monotonic() < end, self.output()
            sleep(0.1)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code: int = self.process.wait(30)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def credentials(self) -> dict[str, str]:
        content: dict[str, str] = json.loads(
            (self.folder / ".stageline" / "credentials.json").read_text()
        )
        return content

    def get(self, path: str) -> Any:
        known = self.credentials()
        answer = httpx.get(
            known["base_url"] + path, headers={"Authorization": f"Bearer {known['secret_key']}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


Start = Callable[..., Standalone]


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


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    started: list[Standalone] = []

    def begin(port: int | None = None, **options: Any) -> Standalone:
        started.append(Standalone(folder, free_port() if port is None else port, **options))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGINT)
            try:
                each.process.wait(30)
            except subprocess.TimeoutExpired:
                each.kill()


@pytest.fixture(scope="module")
def running() -> Iterator[Standalone]:
    """One that the tests only look at."""
    with TemporaryDirectory(prefix="stageline-") as name:
        Path(name).chmod(0o755)
        with starting(Path(name)) as start:
            started = start()
            started.wait_ready()
            yield started


def curls(output: str) -> list[str]:
    """The commands of the welcome, as a person would copy them."""
    return re.findall(r"^curl(?:.*\\\n)*.*$", output, re.MULTILINE)


def run_copied(command: str) -> Any:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - what a person does
    return json.loads(done.stdout)


def test_the_printed_commands_work_as_they_are(running: Standalone) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")

    post, read = curls(running.output())
    posted = run_copied(post)
    end = monotonic() + 10
    while (stage := run_copied(read)).get("stage") is None and monotonic() < end:
        sleep(0.1)

    assert posted == {"accepted": 1, "rejected": []}
    assert (stage["account_id"], stage["stage"]) == ("acme", "evaluation")


def test_the_commands_of_the_readme_work_in_the_folder(running: Standalone) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")
    (block,) = re.findall(
        r"^```sh\n(export KEY.*?)```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    base_url = running.credentials()["base_url"]
    script = block.replace(".venv/bin/python", sys.executable).replace(
        "http://127.0.0.1:8080", base_url
    )
    assert script.count(base_url) == 2

    done = subprocess.run(  # noqa: S602 - what a person does
        script.replace("\n\ncurl", "\nsleep 2\ncurl"),
        shell=True, cwd=running.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    posted, stage = done.stdout[: done.stdout.index("}") + 1], done.stdout

    assert json.loads(posted) == {"accepted": 1, "rejected": []}
    assert '"stage":"evaluation"' in stage


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
    known, sent = running.credentials(), {"t-1", "t-2"}
    with watching(running, "--json") as tail:
        assert tail.stdout is not None
        # Whatever came last, which says that it is watching.
        assert json.loads(tail.stdout.readline())["source"] == "website"
        httpx.post(
            f"{known['base_url']}/v1/touchpoints",
            headers={"Authorization": f"Bearer {known['write_key']}"},
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
    known = running.credentials()

    assert path.stat().st_mode & 0o777 == 0o600
    assert {"base_url", "write_key", "secret_key"} <= known.keys()
    assert str(path) in running.output()
    assert known["write_key"] in running.output()


def test_a_second_run_keeps_the_data_and_does_not_double_it(start: Start) -> None:
    first = start(STAGELINE_HOST="127.0.0.1")
    first.wait_ready()
    before = json.loads(first.command("verify", "--json", "--deep").stdout)
    keys = first.credentials()
    accounts = first.get("/v1/accounts?limit=200")["items"]
    code = first.stop()
    is_postgres_left = (first.folder / ".stageline" / "postgres" / "postmaster.pid").exists()

    second = start()
    second.wait_ready()
    after = json.loads(second.command("verify", "--json", "--deep").stdout)

    assert (code, is_postgres_left) == (0, False)
    assert before["problems"] == []
    assert before["touchpoints"] > 300
    assert after == before
    assert second.credentials()["write_key"] == keys["write_key"]
    assert second.credentials()["secret_key"] == keys["secret_key"]
    assert len(second.get("/v1/accounts?limit=200")["items"]) == len(accounts)


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


def test_a_taken_port_is_told_in_a_sentence(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        running = start(port)
        code = running.process.wait(60)

    assert code == 1
    assert f"port {port} on 127.0.0.1 is not free" in running.output()
    assert "STAGELINE_PORT" in running.output()
    assert "Traceback" not in running.output()


def test_a_second_instance_in_the_same_folder_is_told_so(running: Standalone) -> None:
    second = Standalone(running.folder, free_port())
    code = second.process.wait(60)

    assert code == 1
    assert f"runs in this folder already (process {running.process.pid})" in second.output()
    assert "Traceback" not in second.output()
    assert running.process.poll() is None


def test_after_a_kill_the_next_run_goes_on_and_stops_cleanly(start: Start) -> None:
    first = start()
    first.wait_ready()
    before = json.loads(first.command("verify", "--json").stdout)
    first.kill()

    second = start()
    second.wait_ready()
    after = json.loads(second.command("verify", "--json", "--deep").stdout)

    assert after["touchpoints"] == before["touchpoints"]
    assert after["problems"] == []
    assert second.stop() == 0
    assert not (second.folder / ".stageline" / "postgres" / "postmaster.pid").exists()


def test_a_wrong_setting_is_named_and_nothing_starts(start: Start) -> None:
    running = start(STAGELINE_PARTITIONS="many")

    assert running.process.wait(60) == 1
    assert "STAGELINE_PARTITIONS" in running.output()
    assert "Traceback" not in running.output()


def python_for_everybody() -> str:
    """An interpreter of our version that an ordinary user may start."""
    named = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(named, path="/usr/local/bin:/usr/bin")):
        if python is None:
            continue
        try:
            subprocess.run([python, "-c", ""], user=NOBODY, check=True)  # noqa: S603 - as above
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    reason = "every Python of this machine is private to root"
    require(available=False, reason=reason)
    raise AssertionError(reason)


def test_an_ordinary_user_can_run_it_as_well_as_root(folder: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root can become somebody else")
    os.chown(folder, NOBODY, NOBODY)
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])

    with starting(folder) as start:
        running = start(
            python=python_for_everybody(), user=NOBODY, HOME=str(folder), PYTHONPATH=packages
        )
        running.wait_ready()
        owner = (folder / ".stageline" / "postgres").stat().st_uid
        code = running.stop()

    assert owner == NOBODY
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
    kafka_jars: Path, start: Start
) -> None:
    require(available=shutil.which("curl") is not None, reason="no curl on this machine")
    assert kafka_jars.is_dir()
    running = start(three_free_ports(), module="deploy.dev.kafka_stack")
    running.wait_ready()

    post, read = curls(running.output())
    posted = run_copied(post)
    end = monotonic() + 20
    while (stage := run_copied(read)).get("stage") is None and monotonic() < end:
        sleep(0.1)
    code = running.stop()

    assert posted == {"accepted": 1, "rejected": []}
    assert stage["stage"] == "evaluation"
    assert code == 0
    assert not (running.folder / ".stageline" / "kafka" / "postgres" / "postmaster.pid").exists()


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
