"""`make up-kafka`: Kafka, PostgreSQL and the three services as processes, without containers.

For development. Everything lies in `.stageline/kafka/`, apart from what `make run` keeps.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from time import sleep

from deploy.dev.children import Child
from deploy.dev.kafka import LocalKafka
from migrations.upgrade import upgrade
from services.standalone import credentials, terminal
from services.standalone import home as folder
from services.standalone.bootstrap import bootstrap, has_journey, play_sample
from services.standalone.credentials import FILE_NAME
from services.standalone.postgres import EmbeddedPostgres
from services.standalone.settings import StandaloneSettings
from shared.clock import SystemClock
from shared.errors import FatalError
from shared.maps import templates
from shared.process.interrupts import Interrupts
from shared.process.listener import bind
from shared.settings import load
from shared.storage.logins import separate_logins

_SERVICES = ("ingest", "api", "stager")
_WATCH_SECONDS = 0.5


def main() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when something failed."""
    try:
        with Interrupts() as interrupts:
            settings = load(StandaloneSettings)
            home = settings.home / "kafka"
            with folder.locked(home), ExitStack() as stack:
                try:
                    _run(settings, home, stack, interrupts)
                finally:
                    interrupts.ignore()
    except KeyboardInterrupt:
        terminal.say("\nStopped.")
    except FatalError as exc:
        sys.stderr.write(f"stageline: {exc}\n")
        return 1
    return 0


def _run(
    settings: StandaloneSettings, home: Path, stack: ExitStack, interrupts: Interrupts
) -> None:
    ports = {name: settings.port + number for number, name in enumerate(_SERVICES)}
    for port in ports.values():
        bind(settings.host, port).close()
    terminal.say("Starting Kafka (the first time, Maven fetches it) ...")
    # What is entered first is left last: the services go before what they stand on.
    kafka = LocalKafka(home / "broker")
    stack.callback(kafka.stop)
    kafka.start()
    terminal.say("Starting PostgreSQL ...")
    database = stack.enter_context(EmbeddedPostgres(home / "postgres"))
    addresses = interrupts.run(separate_logins(database.url))
    upgrade(addresses.owner, interrupts.run)
    environ = {
        "STAGELINE_EVENT_LOG": "kafka",
        "STAGELINE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "STAGELINE_HOST": settings.host,
        "STAGELINE_LOG_FORMAT": os.environ.get("STAGELINE_LOG_FORMAT", "json"),
        "PYTHONUNBUFFERED": "1",
    }
    children = {
        name: Child(
            name,
            port=ports[name],
            environ={**environ, "STAGELINE_DATABASE_URL": getattr(addresses, name)},
            log_dir=home,
        )
        for name in _SERVICES
    }
    for child in children.values():
        interrupts.check()
        stack.enter_context(child)
    for child in children.values():
        child.wait_ready()
    previous = credentials.read(home)
    made = interrupts.run(
        bootstrap(
            addresses.owner,
            home,
            base_url=children["ingest"].url,
            api_url=children["api"].url,
            operator_url=addresses.owner,
            now=SystemClock().now(),
            map_name=templates.DEFAULT if settings.sample else None,
        )
    )
    if settings.sample:
        interrupts.run(play_sample(made, home, SystemClock().now()))
    has_map = interrupts.run(has_journey(made))
    is_key_new = previous is None or previous.secret_key != made.secret_key
    shows_secret = is_key_new and sys.stdout.isatty()
    path = home / FILE_NAME
    terminal.say(terminal.welcome(made, path, has_map=has_map, shows_secret=shows_secret))
    for child in children.values():
        terminal.say(f"  {child.service:8} {child.url}  log: {child.log_file}")
    while True:
        interrupts.check()
        for child in children.values():
            child.check()
        sleep(_WATCH_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
