"""`stageline verify`: checks that every record read from the event log is accounted for.

For each partition, records read = applied + duplicate + dead + erased + retracted. Over all partitions,
applied = stored touchpoints + erased and retracted ones, and dead = stored dead letters. A merged subject
has nothing left. `--deep` folds every history again and compares the result with the stored state, and
looks for names of erased people.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.client.database import in_transaction
from services.cli.client.errors import FAILED
from services.cli.operate import verify_deep
from services.cli.queries import verification
from shared.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Records of one partition, by verdict."""

    topic: str
    partition: int
    read: int
    applied: int
    duplicate: int
    dead: int
    erased: int = 0
    """Records of erased people, and the requests to erase them."""
    erased_touchpoints: int = 0
    """Touchpoints that were applied, and removed by a later erasure."""
    retracted: int = 0
    """Records of what was taken back, and the requests to do so."""
    withdrawn: int = 0
    """Touchpoints that were applied, and taken back later."""

    @property
    def verdicts(self) -> int:
        """Records with a verdict."""
        return self.applied + self.duplicate + self.dead + self.erased + self.retracted

    @property
    def is_balanced(self) -> bool:
        """Whether each record read has exactly one verdict."""
        return self.read == self.verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Records of every partition against what is stored."""

    partitions: tuple[Partition, ...]
    touchpoints: int
    dead_letters: int
    left_behind: int = 0
    """Merged subjects that still have touchpoints or a placement."""
    subjects_checked: int | None = None
    waiting: int = 0
    """Journeys of subjects whose refold after a published map is still to come: not compared."""
    differences: tuple[str, ...] = field(default=())
    """Subjects whose stored state is not the fold of their touchpoints, at most a hundred."""
    returned: int = 0
    """Names of erased people that are stored again."""

    def as_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        content = asdict(self) | {"problems": self.problems}
        for partition in content["partitions"]:
            partition["forgotten"] = partition.pop("erased_touchpoints")
        return content

    @property
    def problems(self) -> list[str]:
        """A sentence for each check that failed."""
        sentences = [
            f"{p.topic} partition {p.partition}: read {p.read}, but applied + duplicate + dead +"
            f" erased + retracted = {p.verdicts}"
            for p in self.partitions
            if not p.is_balanced
        ]
        applied = sum(p.applied for p in self.partitions)
        dead = sum(p.dead for p in self.partitions)
        erased = sum(p.erased_touchpoints for p in self.partitions)
        withdrawn = sum(p.withdrawn for p in self.partitions)
        if applied != self.touchpoints + erased + withdrawn:
            and_erased = f" and {erased} forgotten" if erased else ""
            and_withdrawn = f" and {withdrawn} taken back" if withdrawn else ""
            sentences.append(
                f"{applied} records applied, but {self.touchpoints} touchpoints are kept{and_erased}"
                f"{and_withdrawn}"
            )
        if dead != self.dead_letters:
            sentences.append(f"{dead} records dead, but {self.dead_letters} dead letters are kept")
        if self.left_behind:
            sentences.append(
                f"{self.left_behind} subjects were taken over, but not all that they had"
            )
        if self.returned:
            sentences.append(f"{self.returned} names of people who were forgotten are back")
        sentences += [f"{subject}: stored state is not its history" for subject in self.differences]
        return sentences


async def examine(
    connection: AsyncConnection, *, deep: bool, now: datetime | None = None
) -> VerifyReport:
    """Check in one snapshot. Read-only; safe while the services run.

    `now` is the clock reading that timers are applied up to in a deep comparison.
    """
    await verification.snapshot(connection)
    partitions = tuple(
        Partition(
            topic=row.topic,
            partition=row.partition,
            read=row.next_offset - row.first_offset,
            applied=row.applied,
            duplicate=row.duplicate,
            dead=row.dead,
            erased=row.erased,
            erased_touchpoints=row.forgotten,
            retracted=row.retracted,
            withdrawn=row.withdrawn,
        )
        for row in await verification.offsets(connection)
    )
    touchpoints, dead_letters = await verification.stored(connection)
    checked = await verify_deep.compare(connection, now or SystemClock().now()) if deep else None
    return VerifyReport(
        partitions=partitions,
        touchpoints=touchpoints,
        dead_letters=dead_letters,
        left_behind=await verification.left_behind(connection),
        subjects_checked=checked.subjects if checked else None,
        waiting=checked.waiting if checked else 0,
        differences=tuple(checked.differences) if checked else (),
        returned=checked.returned if checked else 0,
    )


def verify(
    deep: Annotated[
        bool, typer.Option("--deep", help="Fold every history again and compare; takes a while.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with a JSON object.")] = False,
) -> None:
    """Check that every event read from the log is accounted for; exit code 1 if not."""
    report = in_transaction(lambda connection: examine(connection, deep=deep))
    problems = report.problems
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _print(report, problems)
    if problems:
        raise typer.Exit(FAILED)


def _print(report: VerifyReport, problems: list[str]) -> None:
    table = Table("partition", "read", "applied", "duplicate", "dead", "erased", "retracted", "")
    for p in report.partitions:
        verdict = "ok" if p.is_balanced else "does not add up"
        numbers = (p.read, p.applied, p.duplicate, p.dead, p.erased, p.retracted)
        table.add_row(str(p.partition), *(f"{number:,}" for number in numbers), verdict)
    Console().print(table)
    typer.echo(f"{report.touchpoints:,} touchpoints, {report.dead_letters:,} dead letters kept")
    if erased := sum(p.erased_touchpoints for p in report.partitions):
        typer.echo(f"{erased:,} touchpoints forgotten with the people who asked for it")
    if withdrawn := sum(p.withdrawn for p in report.partitions):
        typer.echo(f"{withdrawn:,} touchpoints taken back")
    if report.subjects_checked is not None:
        typer.echo(f"{report.subjects_checked:,} histories folded anew")
    if report.waiting:
        typer.echo(f"{report.waiting:,} journeys wait to be folded by a newer map, not compared")
    for problem in problems:
        typer.echo(f"! {problem}")
    typer.echo("does not add up" if problems else "everything is accounted for")
