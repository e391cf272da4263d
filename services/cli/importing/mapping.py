"""Maps columns of a file to fields of a touchpoint."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from services.cli.importing.fields import FIELDS, OBJECTS, Decimal, as_text
from services.cli.importing.formats.cells import Format
from services.cli.importing.times import Epoch
from shared.contracts.names import cleaned
from shared.errors import FatalError
from shared.wording import nearest

TIME_NAMES = ("occurred_at", "timestamp", "time", "date")
"""Columns tried for the time when none is named, in this order."""

JOINED = "+"
"""Between the names of two columns that are one time."""

Future = Literal["refuse", "skip"]
"""What becomes of a row whose time is yet to come."""

Constant = str | bool | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How the file is written; None where the mapping file does not say."""

    format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Rules that make a touchpoint of a row."""

    columns: dict[str, str] = field(default_factory=dict)
    """Field -> column; a field that is missing here takes the column of its own name, and one whose
    column is the empty text takes none."""
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    """`properties`, `traits`, `account_traits`, `campaign` ... -> key -> column."""
    constants: dict[str, Constant] = field(default_factory=dict)
    """Field -> value for rows without one."""
    values: dict[str, dict[str, Constant]] = field(default_factory=dict)
    """Field -> value in the file -> value to send; other values are sent unchanged."""
    rename: dict[str, str] = field(default_factory=dict)
    """Event name in the file -> event name to send."""
    event_prefix: str = ""
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    """Time zone of times without one."""
    time_formats: tuple[str, ...] = ()
    """Forms of times; the first that fits a cell counts. Empty: ISO 8601 and Unix time."""
    epoch: Epoch = "auto"
    decimal: Decimal = "."
    newest_first: bool | None = None
    """Whether of rows of one time the last happened first; None: as the first rows tell."""
    future: Future = "refuse"
    file: FileOptions = FileOptions()

    def named_columns(self) -> set[str]:
        """Columns that the mapping names: each must be in the file."""
        named = {
            *self.columns.values(),
            *(column for keys in self.objects.values() for column in keys.values()),
        }
        return named - {""}

    def time_columns(self) -> tuple[str, ...]:
        """Columns that may hold the time; the first that has a value is used.

        `day+hour` is two columns, which are joined, where the file has none of that name.
        """
        named = self.columns.get("occurred_at")
        return TIME_NAMES if named is None else (named,)

    def used_columns(self) -> set[str]:
        """Columns that a touchpoint is made from, as far as they are in the file."""
        free = {name for name in (*FIELDS, *OBJECTS) if name not in self.columns}
        times = {part for name in self.time_columns() for part in (name, *name.split(JOINED))}
        return self.named_columns() | free | times - {""}

    def resolved(self, columns: Sequence[str]) -> "ColumnMapping":
        """The mapping with the names that the columns of a file have: blanks and accents may differ."""
        by_form = {cleaned(column): column for column in columns}

        def name_of(column: str) -> str:
            if column in columns:
                return column
            return by_form.get(cleaned(column), column)

        times = self.columns.get("occurred_at")
        named = {field: name_of(column) for field, column in self.columns.items()}
        if times and name_of(times) not in columns:
            named["occurred_at"] = JOINED.join(map(name_of, times.split(JOINED)))
        objects = {
            field: {key: name_of(column) for key, column in keys.items()}
            for field, keys in self.objects.items()
        }
        return replace(self, columns=named, objects=objects)


def time_parts(column: str, columns: Sequence[str] | None) -> tuple[str, ...]:
    """The columns that are joined into the time: one, or those of `day+hour`."""
    if JOINED not in column or (columns is not None and column in columns):
        return (column,)
    return tuple(part.strip() for part in column.split(JOINED))


def _as_written(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("put it into quotes: YAML makes a truth value of it")  # noqa: TRY004
    return as_text(value)


_Written = Annotated[str, BeforeValidator(_as_written)]


class _MappingFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    columns: dict[str, str | None] = Field(default_factory=dict)
    constants: dict[str, Constant] = Field(default_factory=dict)
    values: dict[str, dict[_Written, Constant]] = Field(default_factory=dict)
    rename: dict[str, str] = Field(default_factory=dict)
    event_prefix: str = ""
    timezone: str = "UTC"
    time_format: str | list[str] = Field(default_factory=list)
    epoch: Epoch = "auto"
    decimal: Decimal = "."
    newest_first: bool | None = None
    future: Future = "refuse"
    format: Annotated[Format, Field(strict=False)] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | int | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None


_objects: dict[str, Any] = {
    name: (dict[str, str] | list[str], Field(default_factory=dict)) for name in OBJECTS
}
_File = create_model("_File", __base__=_MappingFile, **_objects)


def read_mapping(path: Path) -> ColumnMapping:
    """Read a mapping file (YAML). Raises FatalError that names each wrong entry."""
    try:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        parsed = _File.model_validate(content)
    except OSError as exc:
        raise FatalError(f"{path}: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise FatalError(f"{path} is not YAML: {exc}") from exc
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or 'file'}: {_sentence(error)}"
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise FatalError(f"{path}: {problems}") from exc
    return checked(
        ColumnMapping(
            columns={name: column or "" for name, column in parsed.columns.items()},
            objects={name: _by_key(getattr(parsed, name)) for name in OBJECTS},
            constants=parsed.constants,
            values={name: dict(table) for name, table in parsed.values.items()},
            rename=parsed.rename,
            event_prefix=parsed.event_prefix,
            timezone=time_zone(parsed.timezone),
            time_formats=tuple(
                [parsed.time_format] if isinstance(parsed.time_format, str) else parsed.time_format
            ),
            epoch=parsed.epoch,
            decimal=parsed.decimal,
            newest_first=parsed.newest_first,
            future=parsed.future,
            file=FileOptions(
                format=parsed.format,
                delimiter=parsed.delimiter,
                encoding=parsed.encoding,
                sheet=None if parsed.sheet is None else str(parsed.sheet),
                header_row=parsed.header_row,
            ),
        )
    )


def with_options(base: ColumnMapping, **changes: Any) -> ColumnMapping:  # noqa: ANN401 - fields of ColumnMapping
    """The mapping with command-line options applied: tables are joined, given single values replace."""
    tables = ("columns", "constants", "rename")
    joined = {name: getattr(base, name) | changes.pop(name, {}) for name in tables}
    objects = changes.pop("objects", {})
    joined["objects"] = {
        name: base.objects.get(name, {}) | objects.get(name, {}) for name in OBJECTS
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return checked(replace(base, **joined, **given))


def time_zone(name: str) -> ZoneInfo:
    """Time zone of this name. Raises FatalError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise FatalError(f"no time zone is called '{name}'; try UTC or Europe/Berlin") from exc


def checked(mapping: ColumnMapping) -> ColumnMapping:
    """The mapping unchanged. Raises FatalError when it names a field that a touchpoint does not have."""
    for table in (mapping.columns, mapping.constants, mapping.values):
        for name in table:
            if name in OBJECTS:
                raise FatalError(
                    f"'{name}' holds several columns: give it as {name}: {{key: column}}"
                )
            if name not in FIELDS:
                hint, fields = did_you_mean(name, FIELDS), ", ".join(FIELDS)
                raise FatalError(f"a touchpoint has no field '{name}'{hint}; it has {fields}")
    if mapping.decimal not in get_args(Decimal):
        raise FatalError("decimal is a point or a comma")
    if mapping.future not in get_args(Future):
        raise FatalError("--future is refuse or skip")
    _check_spellings("rename", mapping.rename)
    for name, table in mapping.values.items():
        _check_spellings(f"values of {name}", table)
    if mapping.epoch not in get_args(Epoch):
        raise FatalError(f"epoch is one of {', '.join(get_args(Epoch))}")
    return mapping


def _check_spellings(place: str, table: Mapping[str, Constant]) -> None:
    """Raises FatalError where two entries are one value in the form in which it is looked up."""
    seen: dict[str, Constant] = {}
    for written, meant in table.items():
        if seen.setdefault(cleaned(written), meant) != meant:
            raise FatalError(
                f"{place}: '{cleaned(written)}' stands there twice, with blanks or accents that"
                " do not count, and means two things"
            )


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A hint at the candidate that resembles `word`, as a part of a sentence; empty without one."""
    by_case = {candidate.casefold(): candidate for candidate in candidates}
    meant = nearest(word.casefold(), by_case)
    return "" if meant is None else f" (did you mean {by_case[meant]}?)"


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] != "extra_forbidden" or len(error["loc"]) != 1:
        return str(error["msg"])
    name = str(error["loc"][0])
    return f"a mapping file has no such entry{did_you_mean(name, _File.model_fields)}"


def _by_key(entry: dict[str, str] | list[str]) -> dict[str, str]:
    return entry if isinstance(entry, dict) else {name: name for name in entry}
