"""Reads the rows that identity resolution needs, and resolves again until none is missing.

Rows that will change are locked before anything that depends on them is read, so that another stager
cannot add to a person's history while it moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from services.stager.batch.cached_reads import SubjectLoader
from services.stager.errors import Conflict
from services.stager.identity import resolution as identity
from services.stager.identity.names import EventNames, Key, Link, event_names, is_equal
from services.stager.identity.resolution import Evidence, Resolution
from services.stager.store import read
from services.stager.store.session import Connection
from services.stager.subjects.cache import RowCache
from shared.contracts.names import is_person
from shared.history import decode_stored


class NameResolver:
    """Resolves the names of one batch. `resolve` once; its reads stay for the checks that follow."""

    def __init__(self, cache: RowCache, subjects: SubjectLoader) -> None:
        self.links: dict[Key, Link | None] = {}
        """Rows of all names that were read; None for a name without one."""
        self.read_at: dict[Key, int] = {}
        """Tick at which each row was read."""
        self._accounts: dict[Key, str] = {}
        """Absorbed accounts, by their subjects' rows, and the account that stands for each."""
        self._cache = cache
        self._subjects = subjects

    async def resolve(
        self, connection: Connection, events: Sequence[EventNames], to_erase: AbstractSet[Key]
    ) -> Resolution:
        """Where the names in `events` lead. Raises Conflict when a cached row proves stale.

        `to_erase`: names in `events` whose persons are to be erased. After a conflict all that was read has
        to be invalidated in the cache.
        """
        await self._read_accounts(connection, events)
        unsettled = events
        if not to_erase:
            unsettled = [event for event in events if not self._cannot_change_identity(event)]
        if not unsettled:
            links = {name: link for name, link in self.links.items() if link is not None}
            return Resolution(links, accounts=self._accounts)
        await self._read(connection, identity.names_in(unsettled))
        resolution = self._resolve(unsettled, to_erase)
        if resolution.moved or resolution.lost_members:
            # Any event may name a person that moves, so now each of them counts.
            await self._read(connection, identity.names_in(events))
            resolution = self._resolve(events, to_erase)
            resolution = await self._resolve_moves(connection, events, to_erase, resolution)
        if resolution.depends_on:
            await self._lock(connection, resolution.depends_on)
        return resolution

    async def lock_unmoved(
        self, connection: Connection, names: AbstractSet[Key], resolution: Resolution
    ) -> None:
        """Lock existing names against a move until the commit. Raises Conflict if one has moved."""
        rows = await read.lock_links(connection, names)
        _check_unchanged(rows, names, resolution.links)

    async def read_again(self, connection: Connection, names: AbstractSet[Key]) -> None:
        """Compare names with what was read before. Raises Conflict if one has changed."""
        tick = self._cache.tick()
        rows = await read.links(connection, names)
        _check_unchanged(rows, names, self.links)
        for name, link in rows.items():
            self._cache.links.put(name, (link, tick))

    def _resolve(
        self,
        events: Sequence[EventNames],
        to_erase: AbstractSet[Key],
        expanded: frozenset[Key] = frozenset(),
        evidence: Evidence | None = None,
    ) -> Resolution:
        return identity.resolve(
            events,
            self.links,
            expanded=expanded,
            evidence=evidence,
            accounts=self._accounts,
            to_erase=to_erase,
        )

    async def _read_accounts(self, connection: Connection, events: Sequence[EventNames]) -> None:
        """Read the accounts that the events name, for those that another account absorbed."""
        accounts = {
            (event.workspace_id, event.account) for event in events if event.account is not None
        }
        for key, subject in (await self._subjects.load(connection, accounts)).items():
            if subject.merged_into is not None and not is_person(key[1]):
                self._accounts[key] = subject.merged_into

    def _cannot_change_identity(self, event: EventNames) -> bool:
        """Whether the event adds no link and no home: the usual case, decided from the cache alone.

        True for a root whose home is older than the event, with weaker names whose links are older. Adds
        the root to `links`.
        """
        name, at = event.person, event.order[0]
        if name is None:
            return not event.weaker
        cached = self._cache.links.get(name)
        if cached is None:
            return False
        link = cached[0]
        if link.person_id != name[1] or (
            event.account is not None
            and (
                link.linked_at is None
                or link.linked_at >= at
                or link.parent is None
                or is_person(link.parent)
            )
        ):
            return False
        for weaker, _ in event.weaker:
            other = self._cache.links.get(weaker)
            if other is None or not _is_settled(other[0], weaker, name, at):
                return False
        self.links[name], self.read_at[name] = cached
        return True

    async def _read(self, connection: Connection, names: Iterable[Key]) -> None:
        """Add `names` to `links`, and all names that they lead to."""
        links, cache = self.links, self._cache
        missing = set(names) - links.keys()
        while missing:
            unread: list[Key] = []
            for name in missing:
                # Accounts are always read: the cache holds their subjects and not their links.
                cached = cache.links.get(name) if is_person(name[1]) else None
                if cached is None:
                    unread.append(name)
                else:
                    links[name], self.read_at[name] = cached
            if unread:
                tick = cache.tick()
                rows = await read.links(connection, unread)
                for name in unread:
                    link = links[name] = rows.get(name)
                    if link is not None:
                        self.read_at[name] = tick
                        cache.links.put(name, (link, tick))
            missing = identity.missing_targets({n: links[n] for n in missing}) - links.keys()

    async def _resolve_moves(
        self,
        connection: Connection,
        events: Sequence[EventNames],
        to_erase: AbstractSet[Key],
        resolution: Resolution,
    ) -> Resolution:
        """The rare path: names move, so all that depends on them is locked and read."""
        evidence = Evidence()
        expanded: set[Key] = set()
        locked: set[Key] = set()

        async def lock(names: AbstractSet[Key]) -> None:
            if fresh := names - locked:
                await self._lock(connection, fresh, for_update=True)
                locked.update(fresh)

        while True:
            await lock(resolution.moved)
            if not resolution.unread and not resolution.lost_members:
                return resolution
            if resolution.unread:
                expanded |= await self._read_weaker(connection, resolution.unread)
            if resolution.lost_members:
                # All names of these persons: an event of any of them is evidence.
                await lock(resolution.lost_members)
                read_now = await self._read_weaker(connection, resolution.lost_members)
                expanded |= read_now
                await lock(read_now - resolution.lost_members)
                evidence.recompute_home |= resolution.lost_members
                await self._add_evidence(connection, resolution.lost_members, evidence)
            resolution = self._resolve(events, to_erase, frozenset(expanded), evidence)

    async def _read_weaker(self, connection: Connection, names: AbstractSet[Key]) -> set[Key]:
        """Read all names that lead to the given ones; returns both.

        No other stager can add a name below a locked one, so these are all.
        """
        weaker = await read.weaker_names(connection, names)
        self.links.update(weaker)
        await self._read(connection, identity.missing_targets(self.links))
        if former := identity.former_accounts(names, self.links):
            # The people of an absorbed account: those without a home in their row, and other members.
            await self._subjects.load(connection, former)
            await self._read(connection, await read.persons_in(connection, former))
        return names | weaker.keys()

    async def _add_evidence(
        self, connection: Connection, persons: AbstractSet[Key], evidence: Evidence
    ) -> None:
        added: list[EventNames] = []
        for row in await self._subjects.history_of_persons(connection, persons):
            event = event_names(decode_stored(row.envelope))
            added.append(event)
            if event.account is not None:
                # The account led to the subject that the row has.
                self._accounts.setdefault((event.workspace_id, event.account), row.subject_id)
        evidence.events += added
        await self._read(connection, identity.names_in(evidence.events))

    async def _lock(
        self, connection: Connection, names: AbstractSet[Key], *, for_update: bool = False
    ) -> None:
        rows = await read.lock_links(connection, names, for_update=for_update)
        _check_unchanged(rows, names, self.links)


def _check_unchanged(
    rows: Mapping[Key, Link], names: Iterable[Key], before: "Mapping[Key, Link | None]"
) -> None:
    if stale := [name for name in names if rows.get(name) != before[name]]:
        raise Conflict(f"{len(stale)} names were changed by another stager")


def _is_settled(link: Link, weaker: Key, name: Key, at: datetime) -> bool:
    """Whether a link of `weaker` to `name` at an instant is too late, or too weak, to replace `link`."""
    if link.person_id == weaker[1] or link.parent is None or link.linked_at is None:
        return False
    if is_equal(weaker[1], link.parent) and not is_equal(weaker[1], name[1]):
        return False
    return link.linked_at < at
