"""What an import tells: progress while it runs, the state that a later one goes on from, the end."""

import json
import sys

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.client.errors import REFUSED, fail
from services.cli.importing.check import Findings
from services.cli.importing.progress import ImportProgress, ProgressFile
from services.cli.importing.refused import RefusedFile
from services.cli.importing.sender import RefusedRow, Sent

STOPPED_BY_YOU = "stopped by you"

_INTERRUPTED = 130
_SHOWN_PROBLEMS = 20
_SHOWN_EVENTS = 20


class ImportReport:
    """Progress on the terminal, in the state file and in the closing line."""

    def __init__(
        self, state_file: ProgressFile, total: int, *, kept: RefusedFile | None, quiet: bool
    ) -> None:
        """`total` is the whole file in the unit of the rows' positions."""
        self.state = state_file.load()
        self._state_file = state_file
        self._accepted = self.state.accepted
        self._refused = self.state.refused
        self._waiting: list[Sent] = []
        self._shown = 0
        self._kept = kept
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[accepted]:,} events"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("Importing", total=total, accepted=self._accepted)
        if self.state.next_line:
            self._say(f"going on at line {self.state.next_line}")

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def sent(self, batch: Sent, safe: Sent | None) -> None:
        """Note an answered batch; the state moves over an unbroken run of them alone."""
        self._accepted += batch.accepted
        self._refused += len(batch.refused)
        self._waiting.append(batch)
        for refused in batch.refused:
            self._problem(refused)
        if safe is not None:
            settled = [known for known in self._waiting if known.next_line <= safe.next_line]
            self._waiting = [known for known in self._waiting if known not in settled]
            self.state = ImportProgress(
                next_line=safe.next_line,
                accepted=self.state.accepted + sum(known.accepted for known in settled),
                refused=self.state.refused + sum(len(known.refused) for known in settled),
            )
            self._state_file.save(self.state)
            self._bar.update(self._task, completed=safe.position, accepted=self._accepted)

    def waiting(self, seconds: float, reason: str) -> None:
        """Say that ingest is being waited for."""
        self._say(f"{reason}: trying again in {seconds:.1f} s")

    def finish(self, *, as_json: bool, stopped: str | None) -> None:
        """Say how it went and leave with the exit code that fits."""
        if stopped is None:
            self._state_file.clear()
        if as_json:
            summary = {
                "accepted": self._accepted,
                "refused": self._refused,
                "complete": not stopped,
            }
            typer.echo(json.dumps(summary))
        else:
            typer.echo(f"{self._accepted:,} events accepted, {self._refused:,} rows refused")
        if stopped is not None:
            resume = "" if "same command" in stopped else "; the same command goes on from here"
            fail(stopped + resume, _INTERRUPTED if stopped == STOPPED_BY_YOU else 1)
        if self._refused:
            raise typer.Exit(REFUSED)

    def _problem(self, refused: RefusedRow) -> None:
        problem = refused.problem
        if self._kept:
            self._kept.add(problem, refused.row)
        self._shown += 1
        if self._shown <= _SHOWN_PROBLEMS:
            self._say(f"line {problem.line}: {problem.code}: {problem.detail}")
        elif self._shown == _SHOWN_PROBLEMS + 1:
            self._say("more rows were refused; --errors FILE keeps all of them")

    def _say(self, text: str) -> None:
        if self._bar.disable:
            typer.echo(text, err=True)
        else:
            self._bar.console.print(text, markup=False, highlight=False)


def print_findings(findings: Findings, *, as_json: bool) -> None:
    """Print what a dry run found and leave with the exit code that fits."""
    typer.echo(json.dumps(findings.as_json()) if as_json else _in_words(findings))
    if findings.refused:
        raise typer.Exit(REFUSED)


def _in_words(found: Findings) -> str:
    verdicts = f"{found.accepted:,} would be accepted, {found.refused:,} refused"
    lines = [f"{found.rows:,} rows read, nothing sent: {verdicts}"]
    for code, count in found.by_code.most_common():
        first = ", ".join(map(str, found.first_lines[code]))
        lines.append(f"  {code}: {count:,} (line {first}{' ...' if count > 5 else ''})")  # noqa: PLR2004
    if found.earliest and found.latest:
        lines.append(f"time: {found.earliest.isoformat()} to {found.latest.isoformat()}")
    if found.later_than_now:
        lines.append(f"  {found.later_than_now:,} later than now: they would be set to now")
    lines += [f"accounts: {found.accounts:,}", f"people: {found.people:,}"]
    if found.events:
        lines.append("events:")
    lines += [f"  {_shown(name)}: {n:,}" for name, n in found.events.most_common(_SHOWN_EVENTS)]
    others = len(found.events) - _SHOWN_EVENTS
    if others > 0:
        lines.append(f"  and {others:,}{' or more' if found.other_events else ''} other names")
    if found.unused_columns:
        lines.append(f"columns left out: {', '.join(map(_shown, found.unused_columns))}")
    return "\n".join(lines)


def _shown(name: str) -> str:
    """Words of a file: nothing in them may steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in name)
