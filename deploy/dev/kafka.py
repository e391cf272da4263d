"""A real Apache Kafka, one broker in KRaft mode, without a container engine.

Its jars come from Maven Central by deploy/kafka/pom.xml, once, into `.cache/kafka/<version>/`. Needs
Java 17 or newer, and Maven until the jars are there. For development and tests; not for production.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from string import Template
from time import monotonic, sleep
from types import TracebackType
from typing import Self
from uuid import uuid4
from xml.etree import ElementTree as ET

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.errors import FatalError

_PROJECT = Path(__file__).parents[2]
_DEPLOY = _PROJECT / "deploy" / "kafka"
_CACHE = _PROJECT / ".cache" / "kafka"

_LEAST_JAVA = 17
_MAVEN_SECONDS = 600.0
_FORMAT_SECONDS = 60.0
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_START_ATTEMPTS = 3
"""Another process may bind a free port before the broker does."""

_PORT_IN_USE = "Address already in use"
_PORTS = range(20_000, 32_000)
"""Below the range from which systems take the ports of outgoing connections: while the broker is
down, a client that tries again could otherwise be given the broker's own port."""

_JVM = (
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


def prepare(cache: Path = _CACHE) -> Path:
    """Folder that holds Kafka's jars, resolved by Maven if they are not there yet.

    Blocks up to ten minutes on the first call; parallel callers wait for one another and Maven runs
    once. Raises FatalError naming what is missing: java, mvn or the jars.
    """
    _check_java()
    pom = _DEPLOY / "pom.xml"
    if not pom.is_file():
        message = f"cannot run Kafka: {pom} is missing (a source checkout has it)"
        raise FatalError(message)
    version = _version(pom)
    stamp = hashlib.sha256(pom.read_bytes()).hexdigest()
    jars = cache / version
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        marker = jars / "pom.sha256"
        if marker.is_file() and marker.read_text() == stamp:
            return jars
        partial = cache / f"{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _copy_jars(pom, partial)
        (partial / "pom.sha256").write_text(stamp)
        shutil.rmtree(jars, ignore_errors=True)
        partial.rename(jars)
    return jars


class LocalKafka:
    """A broker with its data in one folder; start and stop by `with`.

    `port` 0 takes a free one. The address in `bootstrap` stays the same through `kill` and `start`.
    Not safe for use by several threads.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, heap_mb: int = 320) -> None:
        """Nothing runs before `start`; `data_dir` is made if missing."""
        self._data_dir = data_dir.resolve()
        self._port = port
        self._heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients, host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def log_file(self) -> Path:
        """What the broker wrote to its standard output and error."""
        return self._data_dir / "kafka.log"

    def __enter__(self) -> Self:
        """Start and wait until clients are served. Raises FatalError."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the broker, bounded in time."""
        self.stop()

    def start(self) -> None:
        """Start the broker and return once it answers; blocks up to about a minute.

        Raises FatalError with the end of the broker's log when it does not come up.
        """
        if self._process is not None and self._process.poll() is None:
            return
        jars = prepare()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        # Clients keep the address, so only the first start may try another port.
        may_move = self._port == 0
        if not may_move and _accepts(self._port):
            message = f"Kafka cannot start: port {self._port} is taken"
            raise FatalError(message)
        for attempt in range(1, _START_ATTEMPTS + 1):
            if may_move:
                self._port = _free_port()
            properties = self._write_properties()
            if not (self._data_dir / "data" / "meta.properties").exists():
                self._format(jars, properties)
            log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._launch(jars, properties)
            if self._wait_ready():
                return
            self.kill()
            log = self._log_since(log_start)
            if _PORT_IN_USE in log and attempt < _START_ATTEMPTS:
                continue
            message = f"Kafka did not start; the end of {self.log_file}:\n{log[-2000:]}"
            raise FatalError(message)

    def stop(self) -> None:
        """Stop cleanly; by force after 15 s. Safe to call twice and on a paused broker."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill the broker as a crash would; `start` brings it back on the same address."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the broker: connections stay open and nothing answers (a half-open fault).

        Returns once it stands still: its threads stop one by one, and a late one might answer yet.
        """
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Resume a paused broker."""
        self._running().send_signal(signal.SIGCONT)

    def is_running(self) -> bool:
        """Whether the broker's process lives; a paused one does."""
        return self._process is not None and self._process.poll() is None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            message = "Kafka is not running"
            raise FatalError(message)
        return self._process

    def _write_properties(self) -> Path:
        template = Template((_DEPLOY / "server.properties").read_text("utf-8"))
        properties = self._data_dir / "server.properties"
        properties.write_text(
            template.substitute(
                broker_port=self._port,
                controller_port=_free_port(),
                log_dir=self._data_dir / "data",
            ),
            "utf-8",
        )
        return properties

    def _java(self, jars: Path, main: str, *arguments: str) -> list[str]:
        return [
            "java",
            *_JVM,
            f"-Xmx{self._heap_mb}m",
            f"-Dlog4j2.configurationFile={_DEPLOY / 'log4j2.properties'}",
            "-cp",
            str(jars / "*"),
            main,
            *arguments,
        ]

    def _format(self, jars: Path, properties: Path) -> None:
        command = self._java(
            jars,
            "kafka.tools.StorageTool",
            *("format", "--cluster-id", _cluster_id(), "--config", str(properties)),
        )
        result = _run(command, _FORMAT_SECONDS)
        if result.returncode:
            message = f"Kafka could not format {self._data_dir}:\n{result.stdout[-2000:]}"
            raise FatalError(message)

    def _launch(self, jars: Path, properties: Path) -> None:
        with self.log_file.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal must not stop the broker before
            # the services have flushed into it.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self._java(jars, "kafka.Kafka", str(properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_ready(self) -> bool:
        end = monotonic() + _READY_SECONDS
        # In a thread of its own: the caller may be inside a running event loop.
        with ThreadPoolExecutor(1, thread_name_prefix="kafka-ready") as executor:
            while monotonic() < end and self.is_running():
                if _accepts(self._port) and executor.submit(_answers, self.bootstrap).result():
                    return True
                sleep(0.05)
        return False

    def _log_since(self, position: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(position)
            return log.read().decode("utf-8", "replace")


def _check_java() -> None:
    if shutil.which("java") is None:
        message = f"cannot run Kafka: no `java` on PATH (Java {_LEAST_JAVA} or newer is needed)"
        raise FatalError(message)
    output = _run(["java", "-version"], 30).stdout
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < _LEAST_JAVA:
        first_line = output.partition("\n")[0]
        message = f"cannot run Kafka: Java {_LEAST_JAVA} or newer is needed, found {first_line}"
        raise FatalError(message)


def _copy_jars(pom: Path, target: Path) -> None:
    if shutil.which("mvn") is None:
        message = "cannot run Kafka: no `mvn` on PATH (Maven fetches Kafka's jars once)"
        raise FatalError(message)
    result = _run(
        [
            *("mvn", "--quiet", "--batch-mode", "--file", str(pom)),
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={target}",
        ],
        _MAVEN_SECONDS,
    )
    if result.returncode or not any(target.glob("kafka_2.13-*.jar")):
        message = f"cannot run Kafka: Maven did not deliver its jars:\n{result.stdout[-2000:]}"
        raise FatalError(message)


def _run(command: list[str], timeout_seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own command line
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            text=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        message = f"cannot run Kafka: `{command[0]}` failed: {exc}"
        raise FatalError(message) from exc


def _version(pom: Path) -> str:
    name = "{http://maven.apache.org/POM/4.0.0}properties/{http://maven.apache.org/POM/4.0.0}kafka.version"
    version = ET.parse(pom).findtext(name)  # noqa: S314 - a file of this project
    if not version:
        message = f"cannot run Kafka: {pom} names no kafka.version"
        raise FatalError(message)
    return version


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _cluster_id() -> str:
    """22 characters of URL-safe base64: what Kafka calls a UUID; it may not begin with a dash."""
    return f"stageline{uuid4().hex[:13]}"


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"cannot run Kafka: found no free port from {_PORTS.start} to {_PORTS.stop}"
    raise FatalError(message)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(bootstrap: str) -> bool:
    return asyncio.run(_describe(bootstrap))


async def _describe(bootstrap: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
    try:
        async with asyncio.timeout(5):
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
