"""Generates docs/configuration.md from the settings classes of all processes."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.api.settings import ApiSettings
from services.ingest.settings import IngestSettings
from services.stager.settings import StagerSettings
from services.standalone.settings import StandaloneSettings
from shared.settings import CommonSettings, IdentitySettings, variable

SECTIONS: tuple[tuple[str, type[CommonSettings]], ...] = (
    ("Every service", CommonSettings),
    ("Ingest", IngestSettings),
    ("Who is who: stager and api", IdentitySettings),
    ("Stager", StagerSettings),
    ("Api", ApiSettings),
    ("Standalone (`make run`)", StandaloneSettings),
)

_HEAD = """\
# Configuration

Made from the settings classes by `make docs`; a test compares. Everything is an environment variable;
there is no configuration file. A secret may come as a file instead: `<NAME>_FILE` holds its path.
A wrong value stops the start with a list of all that is wrong; values are never shown.

`make run` reads the settings of all three services and its own. Times are in seconds, sizes in bytes.
"""

_BOUNDS = ((Ge, "at least"), (Gt, "above"), (Le, "at most"), (Lt, "below"))


def document() -> str:
    """Text of docs/configuration.md."""
    return _HEAD + "".join(_section(title, kind) for title, kind in SECTIONS)


def own_fields(kind: type[CommonSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """Fields that `kind` adds to those of its base class or gives another default."""
    inherited = getattr(kind.__base__, "model_fields", {})
    for name, info in kind.model_fields.items():
        former = inherited.get(name)
        if former is None or former.default != info.default:
            yield name, info


def _section(title: str, kind: type[CommonSettings]) -> str:
    rows = "".join(
        f"| `{variable(name, info)}` | {_default(info)} | {_range(info)} | {info.description} |\n"
        for name, info in own_fields(kind)
    )
    return f"\n## {title}\n\n| variable | default | range | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _default(info: FieldInfo) -> str:
    value: Any = info.default
    if value is PydanticUndefined:
        return "must be set"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _range(info: FieldInfo) -> str:
    if get_origin(info.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(info.annotation))
    if info.annotation is bool:
        return "`true`, `false`"
    ranges = [
        f"{words} {getattr(bound, bound_type.__name__.lower())}"
        for bound_type, words in _BOUNDS
        for bound in info.metadata
        if isinstance(bound, bound_type)
    ]
    ranges += ["not empty" for bound in info.metadata if isinstance(bound, MinLen)]
    return ", ".join(ranges) or "any"
