"""The socket's folder: closed to others, the same at each start, never one that another user made."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.standalone.cluster.socket_folder import is_of_another_user, open_folder, remove_folder
from services.standalone.cluster.system_user import SystemUser
from tests.conftest import require

OURSELVES = SystemUser(uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Path]:
    folder = open_folder(tmp_path / ("deep" * 40), OURSELVES)
    yield folder
    remove_folder(folder)


def test_the_folder_is_short_and_for_its_owner_alone(opened: Path) -> None:
    state = opened.stat()

    assert (state.st_mode & 0o777, state.st_uid) == (0o700, os.geteuid())
    assert len(f"{opened}/.s.PGSQL.5432") <= 103


def test_the_next_start_has_the_same_folder_and_nothing_that_a_killed_one_left(
    opened: Path, tmp_path: Path
) -> None:
    (opened / ".s.PGSQL.5432").touch()
    (opened / "programs" / "bin").mkdir(parents=True)

    again = open_folder(tmp_path / ("deep" * 40), OURSELVES)
    is_empty = not list(again.iterdir())
    remove_folder(again)
    once_more = open_folder(tmp_path / ("deep" * 40), OURSELVES)

    assert again == once_more == opened
    assert is_empty


def test_a_link_in_its_place_is_not_followed(opened: Path, tmp_path: Path) -> None:
    remove_folder(opened)
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    opened.symlink_to(target)

    try:
        other = open_folder(tmp_path / ("deep" * 40), OURSELVES)
        remove_folder(other)
    finally:
        opened.unlink()

    assert other != opened
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_folder_of_another_user_in_its_place_is_not_used(opened: Path, tmp_path: Path) -> None:
    require(available=os.geteuid() == 0, reason="only root can give a folder away")
    os.chown(opened, 65534, 65534)

    other = open_folder(tmp_path / ("deep" * 40), OURSELVES)
    remove_folder(other)

    assert other != opened


def test_a_command_does_not_connect_to_a_server_in_a_folder_of_another_user(
    opened: Path, tmp_path: Path
) -> None:
    url = f"postgresql://stageline_owner@/postgres?host={opened}"
    is_foreign_at_first = is_of_another_user(url, tmp_path)
    remove_folder(opened)
    is_foreign_when_gone = is_of_another_user(url, tmp_path)
    opened.symlink_to(tmp_path)
    is_foreign_as_link = is_of_another_user(url, tmp_path)
    opened.unlink()

    assert (is_foreign_at_first, is_foreign_when_gone, is_foreign_as_link) == (False, False, True)
