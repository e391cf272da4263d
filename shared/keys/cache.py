"""The keys that this process knows, kept fresh and kept when Postgres is away.

As `shared.refresher` says; so a revocation takes effect within `refresh_seconds`, and a fresh key
works at once. An unknown key while the database is away is UNAVAILABLE (503), never "wrong" (401): a
sender's SDK drops the events of a 401 for good.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from shared.clock import Clock
from shared.keys.principal import Principal, StoredKey
from shared.keys.token import ParsedToken, matches, parse
from shared.refresher import Refresher

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


class KeyCache:
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
        self._refresher = Refresher(
            "keys",
            self._read,
            refresh_seconds=refresh_seconds,
            spacing_seconds=spacing_seconds,
            timeout_seconds=timeout_seconds,
        )
        self._keys: dict[str, StoredKey] = {}
        # By a hash of the whole token, which the parts of a token are checked against only once a
        # read; no token is kept.
        self._authenticated: dict[bytes, _Authenticated] = {}

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
            if not await self._refresher.refresh():
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

    @property
    def loaded(self) -> bool:
        """Whether the keys were read at least once."""
        return self._refresher.loaded

    async def refresh(self) -> bool:
        """Read the keys now; whether that worked. Never raises, waits up to the time-out."""
        return await self._refresher.refresh()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the keys fresh until `stop` is set: one task of the service's task group."""
        await self._refresher.run(stop)

    async def _read(self) -> None:
        stored = await self._load()
        self._keys = {key.key_id: key for key in stored}
        self._authenticated = {}
