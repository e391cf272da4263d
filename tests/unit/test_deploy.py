"""The deployment files say what they must; nothing here starts anything."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
OURS = ("migrate", "ingest", "stager", "api", "cli")
RUNNING = ("ingest", "stager", "api")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (line.strip() for line in joined.splitlines())
    return [
        (line.split(maxsplit=1)[0].upper(), line.split(maxsplit=1)[1])
        for line in lines
        if line and not line.startswith("#")
    ]


def test_compose_runs_every_part(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {
        "kafka", "postgres", "migrate", "ingest", "stager", "api", "cli", "prometheus", "grafana",
    }  # fmt: skip


@pytest.mark.parametrize("service", OURS)
def test_our_containers_can_write_nothing_and_are_unprivileged(
    compose: dict[str, Any], service: str
) -> None:
    definition = compose["services"][service]

    assert [mount.split(":")[0] for mount in definition["tmpfs"]] == ["/tmp"]  # noqa: S108 - in the container
    assert int(definition["user"].split(":")[0]) >= 10_000
    assert "cap_add" not in definition
    assert "volumes" not in definition


def test_every_container_is_closed_and_bounded(compose: dict[str, Any]) -> None:
    for name, definition in compose["services"].items():
        assert definition["read_only"] is True, name
        assert definition["cap_drop"] == ["ALL"], name
        assert definition["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"\d+[mg]", definition["mem_limit"]), name
        assert "privileged" not in definition, name
    added = {name: d["cap_add"] for name, d in compose["services"].items() if "cap_add" in d}
    # What the entry point of the image needs to become its own user.
    assert added == {"postgres": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]}


def test_only_the_services_reach_the_stores(compose: dict[str, Any]) -> None:
    networks = {name: definition["networks"] for name, definition in compose["services"].items()}

    assert compose["networks"]["data"] == {"internal": True}
    assert networks == {
        "kafka": ["data"],
        "postgres": ["data"],
        "migrate": ["data"],
        "ingest": ["data", "watch"],
        "stager": ["data", "watch"],
        "api": ["data", "watch"],
        "cli": ["data"],
        "prometheus": ["watch"],
        "grafana": ["watch"],
    }


def test_our_containers_share_one_image_and_differ_by_command(compose: dict[str, Any]) -> None:
    services = [compose["services"][name] for name in OURS]

    assert len({service["image"] for service in services}) == 1
    assert [service["command"] for service in services] == [
        ["stageline", "migrate"],
        ["python", "-m", "services.ingest"],
        ["python", "-m", "services.stager"],
        ["python", "-m", "services.api"],
        ["--help"],
    ]


def test_everything_that_stays_up_has_a_health_check(compose: dict[str, Any]) -> None:
    for name, definition in compose["services"].items():
        if name in {"migrate", "cli"}:
            assert definition["healthcheck"] == {"disable": True}
        else:
            assert definition["healthcheck"]["test"][0] == "CMD", name
            assert definition["healthcheck"]["retries"] > 1, name


def test_parts_start_when_what_they_need_is_ready(compose: dict[str, Any]) -> None:
    waits = {
        name: {on: how["condition"] for on, how in definition.get("depends_on", {}).items()}
        for name, definition in compose["services"].items()
    }
    stores = {"kafka": "service_healthy", "migrate": "service_completed_successfully"}

    assert waits["migrate"] == {"postgres": "service_healthy"}
    assert waits["ingest"] == stores
    assert waits["stager"] == stores
    assert waits["api"] == {"migrate": "service_completed_successfully"}
    assert waits["grafana"] == {"prometheus": "service_healthy"}


@pytest.mark.parametrize("service", RUNNING)
def test_the_grace_outlasts_a_services_own_shutdown(compose: dict[str, Any], service: str) -> None:
    definition = compose["services"][service]
    grace = int(definition["stop_grace_period"].removesuffix("s"))

    assert grace >= float(definition["environment"]["STAGELINE_SHUTDOWN_SECONDS"]) + 5


def test_what_must_survive_lies_on_a_named_volume(compose: dict[str, Any]) -> None:
    kept = {
        name: [v.split(":")[1] for v in definition.get("volumes", []) if not v.startswith("./")]
        for name, definition in compose["services"].items()
    }

    assert kept["postgres"] == ["/var/lib/postgresql"]
    assert kept["kafka"] == [compose["services"]["kafka"]["environment"]["KAFKA_LOG_DIRS"]]
    assert kept["prometheus"] == ["/prometheus"]
    assert kept["grafana"] == ["/var/lib/grafana"]
    assert set(compose["volumes"]) == {
        "kafka-data", "postgres-data", "prometheus-data", "grafana-data",
    }  # fmt: skip


def test_every_file_that_is_mounted_is_there(compose: dict[str, Any]) -> None:
    sources = [
        volume.split(":")[0]
        for definition in compose["services"].values()
        for volume in definition.get("volumes", [])
        if volume.startswith("./")
    ]

    assert len(sources) == 5
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_secrets_are_files_that_a_script_makes(compose: dict[str, Any], tmp_path: Path) -> None:
    made = _made_secrets(tmp_path / "secrets")

    assert {name: secret["file"] for name, secret in compose["secrets"].items()} == {
        name: f".secrets/{name}" for name in made
    }
    passwords = {name: text for name, text in made.items() if name.endswith("_password")}
    assert len(passwords) == 6
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords.values())
    assert len(set(passwords.values())) == 6
    assert made["api_database_url"] == (
        f"postgresql://stageline_api:{passwords['api_password']}@postgres:5432/stageline\n"
    )


def test_the_folder_of_secrets_is_closed_and_its_files_are_for_any_user_of_a_container(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "secrets"
    _made_secrets(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_no_variable_of_a_container_holds_a_password(compose: dict[str, Any]) -> None:
    for name, definition in compose["services"].items():
        files = set()
        for variable, value in definition.get("environment", {}).items():
            if re.search("PASSWORD|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), variable
                files.add(value)
        assert files == {f"/run/secrets/{secret}" for secret in definition.get("secrets", [])}, name


def test_secrets_that_are_there_are_kept(tmp_path: Path) -> None:
    first = _made_secrets(tmp_path / "secrets")

    assert _made_secrets(tmp_path / "secrets") == first
    assert ".secrets/" in (ROOT / ".gitignore").read_text().split()


def test_ports_are_published_on_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert len(ports) == 4
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_and_tests_run_the_same_kafka(compose: dict[str, Any]) -> None:
    pom = (DEPLOY / "kafka" / "pom.xml").read_text("utf-8")
    version = re.search(r"<kafka\.version>(.+)</kafka\.version>", pom)

    assert version is not None
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_every_image_names_its_version(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert re.fullmatch(
            r"[a-z/]+:(v?\d[\w.]*|\$\{STAGELINE_VERSION:-local\})", service["image"]
        )


def test_the_image_is_built_in_one_stage_and_run_in_another(
    instructions: list[tuple[str, str]],
) -> None:
    stages = [rest for instruction, rest in instructions if instruction == "FROM"]
    last = instructions[_last_from(instructions) :]

    assert len(stages) == 2
    assert stages[0].endswith(" AS build")
    assert [rest for instruction, rest in last if instruction == "COPY"] == [
        "--from=build /opt/stageline /opt/stageline"
    ]


def test_the_image_runs_unprivileged_and_gets_its_signals(
    instructions: list[tuple[str, str]],
) -> None:
    last = dict(instructions[_last_from(instructions) :])

    uid, gid = last["USER"].split(":")
    assert min(int(uid), int(gid)) >= 10_000
    assert last["CMD"].startswith("[")
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert '["python", "-c"' in last["HEALTHCHECK"]
    assert "ENTRYPOINT" not in last


def test_the_image_takes_packages_by_hash_and_code_without_any(
    instructions: list[tuple[str, str]],
) -> None:
    installs = [rest for _, rest in instructions if "pip install" in rest]

    assert len(installs) == 2
    assert "--require-hashes --requirement requirements-image.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]
    # What builds the wheel, and pip itself, stay behind.
    assert "pip uninstall --yes hatchling trove-classifiers editables pip" in installs[1]


def test_only_named_sources_reach_the_builder(instructions: list[tuple[str, str]]) -> None:
    sources = [
        source.removeprefix("./")
        for instruction, rest in instructions
        if instruction == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()

    assert not [rest for instruction, rest in instructions if instruction == "ADD"]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert "*" in allowed
    assert {line[1:] for line in allowed if line.startswith("!")} == set(sources)
    assert not [source for source in sources if "env" in source or "secret" in source]


def _last_from(instructions: list[tuple[str, str]]) -> int:
    return max(i for i, (instruction, _) in enumerate(instructions) if instruction == "FROM")


def _made_secrets(folder: Path) -> dict[str, str]:
    """Content of each file by its name."""
    subprocess.run(  # noqa: S603 - our own script
        [str(DEPLOY / "make-secrets"), str(folder)], check=True, capture_output=True, timeout=10
    )
    return {file.name: file.read_text() for file in folder.iterdir()}
