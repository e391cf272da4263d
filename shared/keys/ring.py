"""The keys that this process knows, kept fresh and kept when Postgres is away.

Rules:
- a known key is judged from memory: no database on the hot path, and ingest goes on without one;
- a revocation takes effect within `refresh_seconds`;
- an unknown key is judged only by a read that began after it was shown, so a fresh key works at
  once; such reads are shared and spaced, so that guessing costs the guesser time and us little;
- an unknown key while the database is away is UNAVAILABLE (503), never "wrong" (401): a sender's
  SDK drops the events of a 401 for good.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from time import monotonic

import structlog

from shared.clock import Clock
from shared.errors import TransientError
from shared.keys.principal import Principal, StoredKey
from shared.keys.token import ParsedToken, matches, parse

log = structlog.get_logger(__name__)

KeyLoader = Callable[[], Awaitable[Sequence[StoredKey]]]
"""Reads every key of every workspace. Raises TransientError while the database is away."""

_NO_HASH = bytes(32)


class AuthFailure(StrEnum):
    """Why a token does not authenticate: a metric label, never told to the caller."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a reason, not a secret
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    """Unknown here, and the database cannot be asked: try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authenticated:
    """A token that has proved good since the last read."""

    principal: Principal
    expires_at: datetime | None


class KeyRing:
    """Authenticates tokens against the keys last read; see the module's rules."""

    def __init__(
        self,
        load: KeyLoader,
        clock: Clock,
        *,
        refresh_seconds: float = 5.0,
        spacing_seconds: float = 0.25,
        timeout_seconds: float = 3.0,
    ) -> None:
        """`refresh_seconds` between reads, at least `spacing_seconds` between any two of them."""
        self._load = load
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._spacing_seconds = spacing_seconds
        self._timeout_seconds = timeout_seconds
        self._keys: dict[str, StoredKey] = {}
        # By a hash of the whole token, which the parts of a token are checked against only once a
        # read; no token is kept.
        self._authenticated: dict[bytes, _Authenticated] = {}
        self._lock = asyncio.Lock()
        self._read_began_at = float("-inf")
        self._read_succeeded = False
        self.loaded = False
        """Whether the keys were read at least once."""

    async def authenticate(self, token: str | None) -> Principal | AuthFailure:
        """Whom `token` stands for. May wait for one read of the database if it is unknown here."""
        if not token:
            return AuthFailure.MISSING
        digest = sha256(token.encode()).digest()
        known = self._authenticated.get(digest)
        if known is not None and (known.expires_at is None or known.expires_at > self._clock.now()):
            return known.principal
        answer = await self._authenticate(token)
        if isinstance(answer, StoredKey):
            known = _Authenticated(principal=answer.principal(), expires_at=answer.expires_at)
            self._authenticated[digest] = known
            return known.principal
        return answer

    async def _authenticate(self, token: str) -> StoredKey | AuthFailure:
        parsed = parse(token)
        if parsed is None:
            return AuthFailure.MALFORMED
        found = self._keys.get(parsed.key_id)
        if found is None:
            if not await self._refreshed_since(monotonic()):
                return AuthFailure.UNAVAILABLE
            found = self._keys.get(parsed.key_id)
        return self._judge(parsed, found)

    def _judge(self, parsed: ParsedToken, key: StoredKey | None) -> StoredKey | AuthFailure:
        if key is None:
            matches(parsed, _NO_HASH)  # an unknown id costs what a wrong secret does
            return AuthFailure.UNKNOWN
        if not matches(parsed, key.secret_hash) or parsed.kind is not key.kind:
            return AuthFailure.WRONG_SECRET
        if key.revoked_at is not None:
            return AuthFailure.REVOKED
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            return AuthFailure.EXPIRED
        return key

    async def refresh(self) -> bool:
        """Read the keys now; whether that worked. Never raises, waits up to the time-out."""
        return await self._refreshed_since(monotonic())

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the keys fresh until `stop` is set: one task of the service's task group."""
        while not stop.is_set():
            await self.refresh()
            try:
                async with asyncio.timeout(self._refresh_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _refreshed_since(self, asked_at: float) -> bool:
        """Whether a read that began after `asked_at` succeeded; makes one if there is none yet."""
        async with self._lock:
            if self._read_began_at < asked_at:
                wait_seconds = self._read_began_at + self._spacing_seconds - monotonic()
                if wait_seconds > 0:
                    await asyncio.sleep(wait_seconds)
                self._read_began_at = monotonic()
                self._read_succeeded = await self._read()
            return self._read_succeeded

    async def _read(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await self._load()
        except (TransientError, TimeoutError) as exc:
            log.warning("keys_not_refreshed", error=type(exc).__name__, known=len(self._keys))
            return False
        self._keys = {key.key_id: key for key in stored}
        self._authenticated = {}
        self.loaded = True
        return True
