"""Sends batches of rows to ingest concurrently, and tracks the prefix of the file that was answered."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

import httpx
import msgspec

from services.cli.client.target import ApiTarget
from services.cli.importing.formats.cells import RowProblem
from services.cli.importing.rows import Row
from services.ingest.events.verdicts import event_too_large
from services.ingest.limits import Limits
from shared.errors import FatalError, TransientError

_ENDPOINT = "/v1/touchpoints"
_REQUEST_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_BATCH_BYTES = 400_000
"""Below ingest's limit of 500 KB, with room for differences in counting."""

_TOO_LONG = event_too_large(Limits().max_event_bytes)
_TOO_LARGE_ALONE = {"index": 0, "code": _TOO_LONG.code.value, "detail": _TOO_LONG.detail}

_OK = range(200, 300)
_TOO_LARGE = 413
_NONE_ACCEPTED = 422
"""Every event was refused, each with its reason: the body is that of a 2xx."""
_KEY_REFUSED = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that did not become a touchpoint."""

    problem: RowProblem
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An answered batch. `next_line`: the first line after it."""

    next_line: int
    position: int
    accepted: int
    refused: tuple[RefusedRow, ...]
    events: Counter[str] = field(default_factory=Counter)
    """Accepted rows by the name of their event."""
    ignored_ids: Counter[str] = field(default_factory=Counter)
    """Ids of accepted rows that name nobody, by their field."""


class _Named(msgspec.Struct):
    """The part of a row's touchpoint that is counted."""

    event: str = ""


_named = msgspec.json.Decoder(_Named)


class Observer(Protocol):
    """Receives progress of the sender."""

    def sent(self, batch: Sent, safe: Sent | None) -> None:
        """A batch was answered with a 2xx. `safe`: end of the answered prefix, None if it has not grown."""
        ...

    def waiting(self, seconds: float, reason: str) -> None:
        """A request will be sent again after a pause."""
        ...


class Prefix:
    """The prefix of batches that are all answered: a later import may skip only these."""

    def __init__(self) -> None:
        self._next = 0
        self._done: dict[int, Sent] = {}

    def add(self, number: int, batch: Sent) -> Sent | None:
        """Add answered batch `number` (from 0); the last batch of the prefix, if the prefix has grown."""
        self._done[number] = batch
        newest = None
        while self._next in self._done:
            newest = self._done.pop(self._next)
            self._next += 1
        return newest


@dataclass(slots=True, kw_only=True)
class Batch:
    """Rows of one request, in file order. `number`: from 0."""

    number: int
    rows: list[Row] = field(default_factory=list)
    size_bytes: int = 0


def batches(rows: Iterable[Row], *, batch_rows: int) -> Iterator[Batch]:
    """Split rows into requests of at most `batch_rows` touchpoints and about 400 KB."""
    batch = Batch(number=0)
    for row in rows:
        size = len(row.body)
        is_full = len(batch.rows) >= batch_rows or batch.size_bytes + size > _BATCH_BYTES
        if batch.rows and is_full:
            yield batch
            batch = Batch(number=batch.number + 1)
        batch.rows.append(row)
        batch.size_bytes += size + 1
    if batch.rows:
        yield batch


class BatchSender:
    """Posts batches; retries after a pause while ingest is busy or unavailable."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        target: ApiTarget,
        observer: Observer,
        *,
        patience_seconds: float,
    ) -> None:
        """`patience_seconds`: how long one batch is retried before the import stops."""
        self._client = client
        self._url = target.url + _ENDPOINT
        self._headers = {
            "Authorization": f"Bearer {target.key}",
            "Content-Type": "application/json",
        }
        self._observer = observer
        self._patience_seconds = patience_seconds

    async def send_all(self, cut: Iterator[Batch], *, concurrency: int) -> None:
        """Send every batch. Raises FatalError or TransientError; the observer has every answer.

        Files are read on the event loop: a batch takes a few milliseconds of parsing.
        """
        queue: asyncio.Queue[Batch | None] = asyncio.Queue(concurrency)
        prefix = Prefix()

        async def work() -> None:
            while (batch := await queue.get()) is not None:
                sent = await self._send(batch)
                self._observer.sent(sent, prefix.add(batch.number, sent))

        async with asyncio.TaskGroup() as group:
            for number in range(concurrency):
                group.create_task(work(), name=f"import-{number}")
            for batch in cut:
                await queue.put(batch)
            for _ in range(concurrency):
                await queue.put(None)

    async def _send(self, batch: Batch) -> Sent:
        good = [row for row in batch.rows if row.problem is None]
        refused = [
            RefusedRow(problem=row.problem, row=row)
            for row in batch.rows
            if row.problem is not None
        ]
        accepted = 0
        events: Counter[str] = Counter()
        ignored: Counter[str] = Counter()
        async for rows, answer in self._answers(good):
            rejected = answer.get("rejected", [])
            accepted += int(answer.get("accepted", len(rows) - len(rejected)))
            indexes = {entry["index"] for entry in rejected}
            events.update(
                _named.decode(row.body).event
                for index, row in enumerate(rows)
                if index not in indexes
            )
            for remark in answer.get("ignored_ids", []):
                ignored.update(remark["ids"].keys())
            for entry in rejected:
                row = rows[entry["index"]]
                problem = RowProblem(
                    line=row.line,
                    code=str(entry.get("code", "refused")),
                    detail=str(entry.get("detail", "")),
                )
                refused.append(RefusedRow(problem=problem, row=row))
        last = batch.rows[-1]
        return Sent(
            next_line=last.line + 1,
            position=last.position,
            accepted=accepted,
            refused=tuple(sorted(refused, key=lambda one: one.problem.line)),
            events=events,
            ignored_ids=ignored,
        )

    async def _answers(
        self, good: Sequence[Row]
    ) -> AsyncIterator[tuple[Sequence[Row], dict[str, Any]]]:
        """Post rows; split in halves when ingest refuses the whole as too large."""
        if not good:
            return
        response = await self._post(b"[" + b",".join(row.body for row in good) + b"]")
        if response.status_code == _TOO_LARGE:
            if len(good) == 1:
                yield good, {"accepted": 0, "rejected": [_TOO_LARGE_ALONE]}
                return
            middle = len(good) // 2
            for half in (good[:middle], good[middle:]):
                async for answer in self._answers(half):
                    yield answer
            return
        try:
            yield good, response.json()
        except ValueError as exc:
            raise FatalError(f"{self._url} is not a Stageline: its answer is not JSON") from exc

    async def _post(self, body: bytes) -> httpx.Response:
        give_up_at = monotonic() + self._patience_seconds
        attempt = 0
        while True:
            attempt += 1
            pause, reason = min(0.25 * 2**attempt, _LONGEST_PAUSE_SECONDS), "no answer"
            try:
                response = await self._client.post(
                    self._url, content=body, headers=self._headers, timeout=_REQUEST_SECONDS
                )
            except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as exc:
                reason = type(exc).__name__
            else:
                if response.status_code in {*_OK, _TOO_LARGE, _NONE_ACCEPTED}:
                    return response
                reason = f"status {response.status_code}"
                _refuse(response)
                pause = _retry_after(response, pause)
            # Jitter: workers that failed together must not retry together.
            pause *= random.uniform(1.0, 1.2)  # noqa: S311 - spreads load; not for security
            if monotonic() + pause > give_up_at:
                raise TransientError(
                    f"gave up after {self._patience_seconds:.0f} s ({reason});"
                    " the same command goes on from here"
                )
            self._observer.waiting(pause, reason)
            await asyncio.sleep(pause)


def _refuse(response: httpx.Response) -> None:
    """Raise FatalError unless the status is one to retry."""
    if response.status_code in _TRY_AGAIN:
        return
    try:
        detail = str(response.json().get("detail", ""))
    except (ValueError, AttributeError):
        detail = ""
    if response.status_code in _KEY_REFUSED:
        why = f": {detail}" if detail else ""
        raise FatalError(f"the key was refused{why}; see `stageline keys list`")
    raise FatalError(f"ingest answered {response.status_code}: {detail or 'no explanation'}")


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    written = response.headers.get("Retry-After", "")
    return min(float(written), _LONGEST_PAUSE_SECONDS) if written.isdecimal() else otherwise
