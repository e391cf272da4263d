"""A backup of `make run` brings everything back in another folder, on a server that had no roles."""

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import wait_for
from tests.support.folders import postgres_folder
from tests.support.standalone import Standalone, starting

pytestmark = pytest.mark.timeout(300)


def _stages(running: Standalone) -> dict[str, Any]:
    accounts = running.get("/v1/accounts?limit=100")["items"]
    return {account["account_id"]: account for account in accounts}


def test_a_backup_brings_everything_back_in_another_folder() -> None:
    with postgres_folder() as old, postgres_folder() as new:
        file = Path(old, "stageline.dump")
        with starting(old) as start:
            running = start()
            running.wait_ready()
            before = _stages(running)
            assert before
            keys = running.credentials()
            made = running.command("backup", str(file))
            again = running.command("backup", str(file))
            while_it_runs = running.command("restore", str(file), "--yes")
            running.stop()

        assert made.returncode == 0, made.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert again.returncode == 1
        assert "is there already" in again.stderr
        assert while_it_runs.returncode == 1
        assert "runs in this folder already" in while_it_runs.stderr

        with starting(new) as start:
            # The first start makes other keys and no sample; the backup takes the place of both.
            empty = start(STAGELINE_SAMPLE="false")
            empty.wait_ready()
            assert _stages(empty) == {}
            empty.stop()
            done = empty.command("restore", str(file), "--yes")
            assert done.returncode == 0, done.stderr
            credentials = Path(new, ".stageline", "credentials.json")
            credentials.write_bytes(Path(old, ".stageline", "credentials.json").read_bytes())
            restored = start(STAGELINE_SAMPLE="false")
            restored.wait_ready()

            wait_for(lambda: _stages(restored).keys() == before.keys(), within=30)
            assert restored.credentials()["secret_key"] == keys["secret_key"]
            assert restored.command("verify").returncode == 0


def test_a_new_folder_can_begin_with_a_backup() -> None:
    with postgres_folder() as old, postgres_folder() as new:
        file = Path(old, "stageline.dump")
        with starting(old) as start:
            running = start(STAGELINE_SAMPLE="false")
            running.wait_ready()
            published = running.get("/v1/journeys")["items"]
            assert running.command("backup", str(file)).returncode == 0
            running.stop()

        with starting(new) as start:
            done = Standalone.command_in(new, "restore", str(file), "--yes")
            assert done.returncode == 0, done.stderr
            restored = start(STAGELINE_SAMPLE="false")
            restored.wait_ready()

            assert restored.get("/v1/journeys")["items"] == published
