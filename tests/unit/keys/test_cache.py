import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import ManualClock
from shared.errors import DatabaseUnavailable
from shared.http.auth import basic_user, bearer_token
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.cache import AuthFailure, KeyCache
from shared.keys.principal import Principal, Scope, StoredKey
from shared.keys.token import KeyKind, NewKey, generate
from tests.support.eventually import eventually

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class KeyStore:
    """What a key cache reads from; counts the reads, and can be away."""

    def __init__(self) -> None:
        self.keys: list[StoredKey] = []
        self.reads = 0
        self.away = False

    def put(
        self,
        kind: KeyKind = KeyKind.WRITE,
        *,
        scopes: frozenset[Scope] = frozenset({Scope.EVENTS_WRITE}),
        expires_at: datetime | None = None,
        revoked_at: datetime | None = None,
    ) -> NewKey:
        key = generate(kind)
        self.keys.append(
            StoredKey(
                workspace_id=DEFAULT_WORKSPACE,
                key_id=key.key_id,
                kind=kind,
                scopes=scopes,
                secret_hash=key.secret_hash,
                label="",
                created_at=NOW,
                expires_at=expires_at,
                revoked_at=revoked_at,
            )
        )
        return key

    async def load(self) -> Sequence[StoredKey]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailable
        return list(self.keys)


@pytest.fixture
def key_store() -> KeyStore:
    return KeyStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def key_cache(key_store: KeyStore, clock: ManualClock) -> KeyCache:
    return KeyCache(key_store.load, clock, spacing_seconds=0.0)


async def test_a_known_key_stands_for_its_workspace(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put()

    principal = await key_cache.authenticate(key.token)

    assert principal == Principal(
        workspace_id=DEFAULT_WORKSPACE,
        key_id=key.key_id,
        kind=KeyKind.WRITE,
        scopes=frozenset({Scope.EVENTS_WRITE}),
    )


async def test_a_write_key_holds_nothing_but_the_right_to_write(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put(KeyKind.WRITE, scopes=frozenset(Scope))

    principal = await key_cache.authenticate(key.token)

    assert isinstance(principal, Principal)
    assert principal.scopes == {Scope.EVENTS_WRITE}


async def test_a_known_key_is_not_read_again(key_cache: KeyCache, key_store: KeyStore) -> None:
    key = key_store.put()
    await key_cache.refresh()

    for _ in range(100):
        await key_cache.authenticate(key.token)

    assert key_store.reads == 1


async def test_a_key_made_a_moment_ago_works_at_once(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    await key_cache.refresh()
    key = key_store.put()

    assert isinstance(await key_cache.authenticate(key.token), Principal)


async def test_a_crowd_of_unknown_keys_shares_reads(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    tokens = [generate(KeyKind.WRITE).token for _ in range(200)]

    answers = await asyncio.gather(*(key_cache.authenticate(token) for token in tokens))

    assert set(answers) == {AuthFailure.UNKNOWN}
    assert key_store.reads <= 2  # the read under way began before the last of them asked


async def test_known_keys_go_on_while_the_database_is_away(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put()
    await key_cache.refresh()
    key_store.away = True

    assert not await key_cache.refresh()
    assert isinstance(await key_cache.authenticate(key.token), Principal)


async def test_an_unknown_key_is_unavailable_not_wrong_while_the_database_is_away(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put()
    key_store.away = True

    assert await key_cache.authenticate(key.token) is AuthFailure.UNAVAILABLE
    assert not key_cache.loaded


async def test_a_database_that_hangs_is_away(clock: ManualClock) -> None:
    async def hang() -> Sequence[StoredKey]:
        await asyncio.Event().wait()
        return []

    key_cache = KeyCache(hang, clock, timeout_seconds=0.01)

    assert await key_cache.authenticate(generate(KeyKind.WRITE).token) is AuthFailure.UNAVAILABLE


async def test_a_revoked_key_stops_at_the_next_refresh(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put(revoked_at=NOW)

    assert await key_cache.authenticate(key.token) is AuthFailure.REVOKED


async def test_a_key_expires_by_the_clock_without_a_read(
    key_cache: KeyCache, key_store: KeyStore, clock: ManualClock
) -> None:
    key = key_store.put(expires_at=NOW + timedelta(hours=1))

    before = await key_cache.authenticate(key.token)
    clock.advance(timedelta(hours=1))
    after = await key_cache.authenticate(key.token)

    assert isinstance(before, Principal)
    assert after is AuthFailure.EXPIRED


async def test_a_key_with_another_secret_or_of_another_kind_is_wrong(
    key_cache: KeyCache, key_store: KeyStore
) -> None:
    key = key_store.put(KeyKind.WRITE)
    other = generate(KeyKind.WRITE)
    forged = f"sl_wk_{key.key_id}_{other.token.rsplit('_', 1)[1]}"
    promoted = key.token.replace("sl_wk_", "sl_sk_")

    assert await key_cache.authenticate(forged) is AuthFailure.WRONG_SECRET
    assert await key_cache.authenticate(promoted) is AuthFailure.WRONG_SECRET


@pytest.mark.parametrize(
    ("token", "failure"),
    [
        (None, AuthFailure.MISSING),
        ("", AuthFailure.MISSING),
        ("hunter2", AuthFailure.MALFORMED),
        ("sl_wk_ab", AuthFailure.MALFORMED),
        ("sl_xx_ab_cd", AuthFailure.MALFORMED),
        ("sl_wk_äb_cd", AuthFailure.MALFORMED),
        ("sl_wk_ab_cd_ef", AuthFailure.MALFORMED),
    ],
)
async def test_what_is_not_a_key_is_not_looked_up(
    key_cache: KeyCache, key_store: KeyStore, token: str | None, failure: AuthFailure
) -> None:
    assert await key_cache.authenticate(token) is failure
    assert key_store.reads == 0


async def test_the_cache_refreshes_itself_until_it_is_stopped(
    key_store: KeyStore, clock: ManualClock
) -> None:
    key_cache = KeyCache(key_store.load, clock, refresh_seconds=0.001, spacing_seconds=0.0)
    stop = asyncio.Event()

    async with asyncio.TaskGroup() as group:
        group.create_task(key_cache.run(stop))
        await eventually(lambda: _is(key_store.reads >= 3))
        stop.set()

    assert key_cache.loaded


async def _is(truth: bool) -> bool:  # noqa: FBT001 - the truth itself
    return truth


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer   abc ", "abc"),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic YWJjOg==", None),
        (None, None),
    ],
)
def test_a_bearer_header_carries_its_token(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("Basic YWJjOg==", "abc"),
        ("Basic YWJj", "abc"),
        ("basic YWJjOnBhc3M=", "abc"),
        ("Basic Og==", None),
        ("Basic ***", None),
        ("Basic w6Q6", None),
        ("Bearer abc", None),
        (None, None),
    ],
)
def test_a_basic_header_carries_its_user(header: str | None, user: str | None) -> None:
    assert basic_user(header) == user
