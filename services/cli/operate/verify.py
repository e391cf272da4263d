"""`stageline verify`: whether every event that was taken from the log is accounted for.

For each partition, records read = applied + duplicate + dead + erased; over all, applied = touchpoints
kept + touchpoints forgotten, and dead = dead letters kept. Nothing is left at subjects that another one
took over. `--deep` folds every history anew and compares it with what is stored, and looks for people
who were forgotten and are back.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli import queries
from services.cli.client.database import in_transaction
from services.cli.client.errors import FAILED
from services.cli.operate import verify_deep
from shared.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition's account."""

    topic: str
    partition: int
    read: int
    applied: int
    duplicate: int
    dead: int
    erased: int = 0
    """Records of people who are forgotten, and the requests to forget them."""
    forgotten: int = 0
    """Touchpoints that were applied and then removed because of these."""

    @property
    def verdicts(self) -> int:
        """Records with a verdict."""
        return self.applied + self.duplicate + self.dead + self.erased

    @property
    def is_balanced(self) -> bool:
        """Whether each record read has exactly one verdict."""
        return self.read == self.verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """The account of everything."""

    partitions: tuple[Partition, ...]
    touchpoints: int
    dead_letters: int
    left_behind: int = 0
    """Subjects that another one took over and that still have touchpoints or a placement."""
    subjects_checked: int | None = None
    waiting: int = 0
    """Journeys of subjects that wait for a re-fold after a map was published."""
    differences: tuple[str, ...] = field(default=())
    """Subjects whose stored state is not the fold of their touchpoints, at most a hundred."""
    returned: int = 0
    """Names of people who were forgotten."""

    @property
    def problems(self) -> list[str]:
        """What does not add up, in sentences; empty when all does."""
        found = [
            f"{p.topic} partition {p.partition}: read {p.read}, but applied + duplicate + dead +"
            f" erased = {p.verdicts}"
            for p in self.partitions
            if not p.is_balanced
        ]
        applied = sum(p.applied for p in self.partitions)
        dead = sum(p.dead for p in self.partitions)
        forgotten = sum(p.forgotten for p in self.partitions)
        if applied != self.touchpoints + forgotten:
            and_forgotten = f" and {forgotten} forgotten" if forgotten else ""
            found.append(
                f"{applied} records applied, but {self.touchpoints} touchpoints are kept{and_forgotten}"
            )
        if dead != self.dead_letters:
            found.append(f"{dead} records dead, but {self.dead_letters} dead letters are kept")
        if self.left_behind:
            found.append(f"{self.left_behind} subjects were taken over, but not all that they had")
        if self.returned:
            found.append(f"{self.returned} names of people who were forgotten are back")
        found += [f"{subject}: stored state is not its history" for subject in self.differences]
        return found


async def examine(
    connection: AsyncConnection, *, deep: bool, now: datetime | None = None
) -> VerifyReport:
    """Take the account at one instant. Read-only; safe while everything runs.

    `now` is the clock reading that timers are applied up to in a deep comparison.
    """
    await queries.snapshot(connection)
    partitions = tuple(
        Partition(
            topic=row.topic,
            partition=row.partition,
            read=row.next_offset - row.first_offset,
            applied=row.applied,
            duplicate=row.duplicate,
            dead=row.dead,
            erased=row.erased,
            forgotten=row.forgotten,
        )
        for row in await queries.offsets(connection)
    )
    touchpoints, dead_letters = await queries.stored(connection)
    checked = await verify_deep.compare(connection, now or SystemClock().now()) if deep else None
    return VerifyReport(
        partitions=partitions,
        touchpoints=touchpoints,
        dead_letters=dead_letters,
        left_behind=await queries.left_behind(connection),
        subjects_checked=checked.subjects if checked else None,
        waiting=checked.waiting if checked else 0,
        differences=tuple(checked.differences) if checked else (),
        returned=checked.returned if checked else 0,
    )


def verify(
    deep: Annotated[
        bool, typer.Option("--deep", help="Fold every history anew and compare; takes a while.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with a JSON object.")] = False,
) -> None:
    """Check that every event read from the log is accounted for; exit code 1 if not."""
    report = in_transaction(lambda connection: examine(connection, deep=deep))
    problems = report.problems
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"problems": problems}))
    else:
        _print(report, problems)
    if problems:
        raise typer.Exit(FAILED)


def _print(report: VerifyReport, problems: list[str]) -> None:
    table = Table("partition", "read", "applied", "duplicate", "dead", "erased", "")
    for p in report.partitions:
        verdict = "ok" if p.is_balanced else "does not add up"
        numbers = (p.read, p.applied, p.duplicate, p.dead, p.erased)
        table.add_row(str(p.partition), *(f"{number:,}" for number in numbers), verdict)
    Console().print(table)
    typer.echo(f"{report.touchpoints:,} touchpoints, {report.dead_letters:,} dead letters kept")
    if forgotten := sum(p.forgotten for p in report.partitions):
        typer.echo(f"{forgotten:,} touchpoints forgotten with the people who asked for it")
    if report.subjects_checked is not None:
        typer.echo(f"{report.subjects_checked:,} histories folded anew")
    if report.waiting:
        typer.echo(f"{report.waiting:,} journeys wait to be folded by a newer map, not compared")
    for problem in problems:
        typer.echo(f"! {problem}")
    typer.echo("does not add up" if problems else "everything is accounted for")
