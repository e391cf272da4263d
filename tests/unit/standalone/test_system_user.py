"""Where the server's system user may go, by the modes of folders."""

import os
from pathlib import Path

import pytest

from services.standalone.cluster.system_user import SystemUser

STRANGER = SystemUser(uid=os.geteuid() + 4321, gid=os.getegid() + 4321)
OF_OUR_GROUP = SystemUser(uid=os.geteuid() + 4321, gid=os.getegid())
OURSELVES = SystemUser(uid=os.geteuid(), gid=os.getegid())


@pytest.mark.parametrize(
    ("user", "mode", "may_pass"),
    [
        (STRANGER, 0o700, False),
        (STRANGER, 0o770, False),
        (STRANGER, 0o701, True),
        (OF_OUR_GROUP, 0o710, True),
        (OF_OUR_GROUP, 0o701, False),
        (OURSELVES, 0o700, True),
    ],
)
def test_a_folder_is_passed_by_the_bit_of_the_user_that_comes(
    user: SystemUser, mode: int, *, may_pass: bool, tmp_path: Path
) -> None:
    tmp_path.chmod(mode)

    assert user.may_pass(tmp_path) is may_pass


def test_the_topmost_closed_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o700)

    closed = STRANGER.closed_folder(inner)

    # pytest's folders above are closed as well.
    assert closed in {*tmp_path.parents, tmp_path}
    assert OURSELVES.closed_folder(inner) is None


def test_a_child_of_another_user_keeps_no_group_of_ours() -> None:
    assert STRANGER.identity == {
        "user": STRANGER.uid,
        "group": STRANGER.gid,
        "extra_groups": [],
    }
    assert OURSELVES.identity == {}
