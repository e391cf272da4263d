"""A cache of all API keys, refreshed in the background and kept while Postgres is away.

It follows the rules of `shared.refresher`: a revocation takes effect within `refresh_seconds`, and a
new key works at once. A key that is not cached while the database is away is UNAVAILABLE (503), never
"wrong" (401), because a sender's SDK drops the events of a 401 for good.
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
    """Why a token does not authenticate: a metric label, never part of the response."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a reason, not a secret
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    """Not cached, and the database cannot be read: try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authenticated:
    """A token that was verified since the last read."""

    principal: Principal
    expires_at: datetime | None


class KeyCache:
    """Authenticates tokens against the keys last read; the rules stand in the module's docstring."""

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
        # By the hash of the whole token, so that its parts are verified once for each read and no token
        # is kept.
        self._authenticated: dict[bytes, _Authenticated] = {}

    async def authenticate(self, token: str | None) -> Principal | AuthFailure:
        """Principal of `token`. May wait for one read of the database if the key is not cached."""
        if not token:
            return AuthFailure.MISSING
        digest = sha256(token.encode()).digest()
        authenticated = self._authenticated.get(digest)
        if authenticated is not None and (
            authenticated.expires_at is None or authenticated.expires_at > self._clock.now()
        ):
            return authenticated.principal
        answer = await self._authenticate(token)
        if isinstance(answer, StoredKey):
            authenticated = _Authenticated(
                principal=answer.principal(), expires_at=answer.expires_at
            )
            self._authenticated[digest] = authenticated
            return authenticated.principal
        return answer

    async def _authenticate(self, token: str) -> StoredKey | AuthFailure:
        parsed = parse(token)
        if parsed is None:
            return AuthFailure.MALFORMED
        stored = self._keys.get(parsed.key_id)
        if stored is None:
            if not await self._refresher.refresh():
                return AuthFailure.UNAVAILABLE
            stored = self._keys.get(parsed.key_id)
        return self._judge(parsed, stored)

    def _judge(self, parsed: ParsedToken, key: StoredKey | None) -> StoredKey | AuthFailure:
        if key is None:
            matches(parsed, _NO_HASH)  # an unknown id takes as long as a wrong secret
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
