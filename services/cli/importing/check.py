"""`stageline import --dry-run`: applies ingest's own rules to every row, and sends nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from services.cli.importing.distinct import DistinctCounter
from services.cli.importing.formats.cells import REPORTED, RowProblem
from services.cli.importing.mapping import ColumnMapping
from services.cli.importing.names import Occurrences
from services.cli.importing.refused import RefusedFile
from services.cli.importing.rows import Row, Rows, unused_columns
from services.cli.importing.sender import batches
from services.ingest.dry_run import DryRun
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import BodyRefused
from shared.contracts.envelope import Envelope

_FIRST_LINES = 5
_SENTENCES = 20
"""Refused rows of which the sentence is kept, beside the first of each code."""
_SAMPLES = 10
_NAMES = 1_000
"""Most event names, and most columns of NDJSON, that are counted separately."""

_OF_ALL_ROWS = frozenset({"workspace_id", "message_id", "received_at", "source", "tie", "v"})

_INGEST = DryRun()


@dataclass(slots=True, kw_only=True)
class Findings:
    """Result of a dry run. Memory is bounded: see `_NAMES`."""

    rows: int = 0
    accepted: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    first_lines: dict[str, list[int]] = field(default_factory=dict)
    first_problems: list[RowProblem] = field(default_factory=list)
    """Each code's first one, then others, as far as a terminal shows them; in the order of the file."""
    earliest: datetime | None = None
    latest: datetime | None = None
    skipped_future: int = 0
    """Rows that are left out because they have not happened yet."""
    is_newest_first: bool = False
    """Whether of rows of one time the last happened first."""
    events: Counter[str] = field(default_factory=Counter)
    other_events: int = 0
    """Rows whose event is not among the first thousand names."""
    accounts: int = 0
    """Distinct ones of accepted rows, as are the people."""
    people: int = 0
    ignored_ids: Counter[str] = field(default_factory=Counter)
    """Ids of accepted rows that name nobody, by their field; the rows live on by their other names."""
    ties: int = 0
    """Accepted rows at the instant of an earlier one of the same account or person."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    """The first accepted rows as they would be stored."""
    columns: dict[str, None] = field(default_factory=dict)
    """In the order of the file."""
    unused_columns: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Rows that would not become touchpoints."""
        return sum(self.by_code.values())

    def as_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "refused": self.refused,
            "refused_by_code": {
                code: {
                    "rows": count,
                    "first_lines": self.first_lines[code],
                    "first_detail": next(
                        each.detail for each in self.first_problems if each.code == code
                    ),
                }
                for code, count in self.by_code.most_common()
            },
            "from": self.earliest.isoformat() if self.earliest else None,
            "to": self.latest.isoformat() if self.latest else None,
            "skipped_future": self.skipped_future,
            "newest_first": self.is_newest_first,
            "events": dict(self.events.most_common()),
            "other_events": self.other_events,
            "accounts": {"count": self.accounts, "exact": True},
            "people": {"count": self.people, "exact": True},
            "ignored_ids": dict(self.ignored_ids.most_common()),
            "unused_columns": self.unused_columns,
            "ties": self.ties,
            "samples": self.samples,
        }


def check_rows(
    rows: Rows, mapping: ColumnMapping, *, now: datetime, batch_rows: int, kept: RefusedFile | None
) -> Findings:
    """Check every row. `now`: reference for times in the future; `kept` receives refused rows.

    Raises FatalError when the file as a whole cannot be read.
    """
    findings = Findings(
        columns=dict.fromkeys(rows.columns or ()), is_newest_first=rows.is_newest_first
    )
    with DistinctCounter() as accounts, DistinctCounter() as people:
        judge = _Judge(
            findings=findings, accounts=accounts, people=people, instants=Occurrences(), now=now
        )
        for batch in batches(rows.rows, batch_rows=batch_rows):
            good = [row for row in batch.rows if row.problem is None]
            problems = {row.line: row.problem for row in batch.rows if row.problem is not None}
            problems |= {problem.line: problem for problem in judge.problems(good)}
            for row in batch.rows:
                findings.rows += 1
                if rows.columns is None:
                    _note_columns(findings, row.cells or {})
                if (problem := problems.get(row.line)) is not None:
                    _note_problem(findings, problem)
                    if kept is not None:
                        kept.add(problem, row)
        findings.accounts, findings.people = accounts.count(), people.count()
    findings.skipped_future = rows.skipped.number
    findings.unused_columns = unused_columns(mapping, list(findings.columns))
    return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Applies ingest's rules to rows and counts what they accept."""

    findings: Findings
    accounts: DistinctCounter
    people: DistinctCounter
    instants: Occurrences
    """Of each account or person."""
    now: datetime

    def problems(self, rows: Sequence[Row]) -> list[RowProblem]:
        """Problems of the rows that ingest would refuse; counts the others."""
        if not rows:
            return []
        body = b"[" + b",".join(row.body for row in rows) + b"]"
        items = _INGEST.touchpoints(body)
        if isinstance(items, BodyRefused):  # too large in one piece: judged in halves
            if len(rows) == 1:
                return [RowProblem(line=rows[0].line, code=items.code, detail=items.detail)]
            middle = len(rows) // 2
            return self.problems(rows[:middle]) + self.problems(rows[middle:])
        decided = _INGEST.decide(items, received_at=self.now)
        refused = dict(decided.refused)
        accepted = (item for index, item in enumerate(items) if index not in refused)
        for item, envelope in zip(accepted, decided.envelopes, strict=True):
            if isinstance(item, Candidate):
                self._count(item, envelope)
        return [
            RowProblem(line=rows[index].line, code=refusal.code, detail=refusal.detail)
            for index, refusal in decided.refused
        ]

    def _count(self, candidate: Candidate, envelope: Envelope) -> None:
        findings = self.findings
        findings.accepted += 1
        if len(findings.samples) < _SAMPLES:
            findings.samples.append(_shown(envelope))
        if (moment := candidate.occurred_at) is not None:
            findings.earliest = min(findings.earliest or moment, moment)
            findings.latest = max(findings.latest or moment, moment)
        if envelope.event in findings.events or len(findings.events) < _NAMES:
            findings.events[envelope.event] += 1
        else:
            findings.other_events += 1
        account, person = envelope.account_external_id or envelope.account_id, envelope.person()
        if account:
            self.accounts.add(account)
        if person:
            self.people.add(person)
        digest = blake2b(f"{account or person}\n{envelope.occurred_at}".encode(), digest_size=8)
        findings.ties += self.instants.add(digest.digest()) > 1
        findings.ignored_ids.update(envelope.ignored_ids.keys())


def _shown(envelope: Envelope) -> dict[str, Any]:
    """What the row says, without what is the same for all rows or made for them."""
    stored: dict[str, Any] = msgspec.to_builtins(envelope)
    return {name: value for name, value in stored.items() if name not in _OF_ALL_ROWS}


def _note_problem(findings: Findings, problem: RowProblem) -> None:
    findings.by_code[problem.code] += 1
    lines = findings.first_lines.setdefault(problem.code, [])
    if len(lines) < _FIRST_LINES:
        lines.append(problem.line)
    # Codes are few, so the list stays short; none of them is without a sentence.
    is_first_of_its_code = findings.by_code[problem.code] == 1
    if is_first_of_its_code or len(findings.first_problems) < _SENTENCES:
        findings.first_problems.append(problem)


def _note_columns(findings: Findings, names: Iterable[str]) -> None:
    if len(findings.columns) < _NAMES:
        findings.columns |= dict.fromkeys(name for name in names if name not in REPORTED)
