"""Output of an import: progress while it runs, the summary, the findings of a dry run."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.client.errors import REFUSED, fail
from services.cli.importing.check import Findings
from services.cli.importing.event_hints import count_names
from services.cli.importing.progress import ImportProgress, ProgressFile
from services.cli.importing.refused import RefusedFile
from services.cli.importing.sender import RefusedRow, Sent
from shared.wording import counted

STOPPED_BY_YOU = "stopped by you"

_INTERRUPTED = 130
_SHOWN_PROBLEMS = 20
_SHOWN_EVENTS = 20
_SAMPLE_CHARS = 1_000


_SPEAKING = re.compile(
    r"(?i)date|time|datum|zeit|uhr|(?:^|[ _-])(?:at|am|id|ids|uuid|key|nr|no|number|nummer)$"
    r"|e-?mail|kunde|customer"
)
"""Names of columns that are likely to say when or who."""


class ImportReport:
    """Reports progress on the terminal and in the progress file, and prints the summary."""

    def __init__(
        self,
        state_file: ProgressFile,
        total: int,
        *,
        import_id: str,
        kept: RefusedFile | None,
        quiet: bool,
    ) -> None:
        """`total`: size of the file in the unit of the rows' positions."""
        self.state = state_file.load()
        self._import_id = import_id
        self._state_file = state_file
        self._accepted = self.state.accepted
        self._refused = self.state.refused
        self.events: Counter[str] = Counter()
        """Accepted rows by event, of this run and of at most a thousand names."""
        self._ignored: Counter[str] = Counter()
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
            self._print(f"going on at line {self.state.next_line}")

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def sent(self, batch: Sent, safe: Sent | None) -> None:
        """Count an answered batch; the progress file covers only the answered prefix."""
        self._accepted += batch.accepted
        self._refused += len(batch.refused)
        count_names(self.events, batch.events)
        self._ignored.update(batch.ignored_ids)
        self._waiting.append(batch)
        for refused in batch.refused:
            self._problem(refused)
        if safe is not None:
            settled = [one for one in self._waiting if one.next_line <= safe.next_line]
            self._waiting = [one for one in self._waiting if one not in settled]
            self.state = ImportProgress(
                next_line=safe.next_line,
                accepted=self.state.accepted + sum(one.accepted for one in settled),
                refused=self.state.refused + sum(len(one.refused) for one in settled),
                import_id=self._import_id,
            )
            self._state_file.save(self.state)
            self._bar.update(self._task, completed=safe.position, accepted=self._accepted)

    def waiting(self, seconds: float, reason: str) -> None:
        """Print that a request is retried."""
        self._print(f"{reason}: trying again in {seconds:.1f} s")

    def finish(
        self, *, as_json: bool, stopped: str | None, misspelt: Mapping[str, str], skipped: int
    ) -> None:
        """Print the summary and exit with the matching code.

        `misspelt`: see `event_hints`; `skipped`: rows that have not happened yet.
        """
        if stopped is None:
            self._state_file.clear()
        if as_json:
            summary = {
                "import_id": self._import_id,
                "accepted": self._accepted,
                "refused": self._refused,
                "complete": not stopped,
                "misspelt": dict(misspelt),
            }
            if skipped:
                summary["skipped_future"] = skipped
            if self._ignored:
                summary["ignored_ids"] = dict(self._ignored.most_common())
            typer.echo(json.dumps(summary))
        else:
            self._print_summary(misspelt, skipped)
        if stopped is not None:
            resume = "" if "same command" in stopped else "; the same command goes on from here"
            fail(stopped + resume, _INTERRUPTED if stopped == STOPPED_BY_YOU else 1)
        if self._refused:
            raise typer.Exit(REFUSED)

    def _print_summary(self, misspelt: Mapping[str, str], skipped: int) -> None:
        typer.echo(f"{self._accepted:,} events accepted, {self._refused:,} rows refused")
        if skipped:
            typer.echo(_skipped(skipped))
        if self._ignored:
            typer.echo(_left_out(self._ignored))
        for line in _hints(self.events, misspelt):
            typer.echo(line)
        if self._accepted:
            typer.echo(f"import {self._import_id}; stageline import undo takes it back")

    def _problem(self, refused: RefusedRow) -> None:
        problem = refused.problem
        if self._kept:
            self._kept.add(problem, refused.row)
        self._shown += 1
        if self._shown <= _SHOWN_PROBLEMS:
            self._print(f"line {problem.line}: {problem.code}: {problem.detail}")
        elif self._shown == _SHOWN_PROBLEMS + 1:
            self._print("more rows were refused; --errors FILE keeps all of them")

    def _print(self, text: str) -> None:
        if self._bar.disable:
            typer.echo(text, err=True)
        else:
            self._bar.console.print(text, markup=False, highlight=False)


def print_findings(findings: Findings, *, as_json: bool, misspelt: Mapping[str, str]) -> None:
    """Print the findings of a dry run and exit with the matching code. `misspelt`: see `event_hints`."""
    if as_json:
        typer.echo(json.dumps({**findings.as_json(), "misspelt": dict(misspelt)}))
    else:
        typer.echo(_summary(findings))
        for line in _hints(findings.events, misspelt):
            typer.echo(line)
    if findings.refused:
        raise typer.Exit(REFUSED)


def _summary(findings: Findings) -> str:
    verdicts = f"{findings.accepted:,} would be accepted, {findings.refused:,} refused"
    lines = [f"{findings.rows:,} rows read, nothing sent: {verdicts}"]
    for code, count in findings.by_code.most_common():
        first = ", ".join(map(str, findings.first_lines[code]))
        lines.append(f"  {code}: {count:,} (line {first}{' ...' if count > 5 else ''})")  # noqa: PLR2004
    lines += [
        f"  line {problem.line}: {problem.code}: {_shown(problem.detail)}"
        for problem in findings.first_problems
    ]
    if findings.refused > len(findings.first_problems):
        lines.append("  more rows would be refused; --errors FILE keeps all of them")
    if findings.earliest and findings.latest:
        lines.append(f"time: {findings.earliest.isoformat()} to {findings.latest.isoformat()}")
    if findings.skipped_future:
        lines.append(_skipped(findings.skipped_future))
    if findings.is_newest_first:
        lines.append("order: newest first, so of rows of one time the last happened first")
    lines += [f"accounts: {findings.accounts:,}", f"people: {findings.people:,}"]
    if findings.events:
        lines.append("events:")
    lines += [f"  {_shown(name)}: {n:,}" for name, n in findings.events.most_common(_SHOWN_EVENTS)]
    others = len(findings.events) - _SHOWN_EVENTS
    if others > 0:
        lines.append(f"  and {others:,}{' or more' if findings.other_events else ''} other names")
    lines += _remarks(findings)
    return "\n".join(lines)


def _remarks(findings: Findings) -> list[str]:
    lines: list[str] = []
    if findings.samples:
        lines.append(f"the first {counted(len(findings.samples), 'event')} as stored:")
    lines += [
        f"  {_shown(json.dumps(each, ensure_ascii=False)[:_SAMPLE_CHARS])}"
        for each in findings.samples
    ]
    if findings.ties:
        lines.append(
            f"{counted(findings.ties, 'event')} at the very instant of another one of the same account or"
            " person: the order of the file decides"
        )
    if findings.ignored_ids:
        lines.append(_left_out(findings.ignored_ids))
    if speaking := [name for name in findings.unused_columns if _SPEAKING.search(name)]:
        lines.append(
            f"left out although their names speak of a time or an id: {', '.join(map(_shown, speaking))}"
        )
    if findings.unused_columns:
        lines.append(f"columns left out: {', '.join(map(_shown, findings.unused_columns))}")
    return lines


def _skipped(rows: int) -> str:
    return f"{counted(rows, 'row')} left out, which have not happened yet"


def _left_out(ignored: Counter[str]) -> str:
    ids = ", ".join(f"{name} {count:,}" for name, count in ignored.most_common())
    return f"ids that name nobody, like undefined, left out: {ids}"


def _hints(events: Mapping[str, int], misspelt: Mapping[str, str]) -> Iterator[str]:
    for name, meant in misspelt.items():
        rows = counted(events[name], "event")
        hint = f"no map knows this event; did you mean: {_shown(meant)}?"
        yield f"{_shown(name)} ({rows}): {hint}"


def _shown(name: str) -> str:
    """Untrusted text without control characters, which could steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in name)
