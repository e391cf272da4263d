"""Whether an event is about a suppressed person. Pure.

Every name in the event counts, pseudonyms as well (see `person_digest`), and an e-mail address counts in
any field that can hold a name.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from services.ingest.privacy import emails
from shared.contracts.envelope import Envelope
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, USER, is_address, normal
from shared.sources.hashing import is_hashed, stored_digests

_MAX_CLEAR = 50_000
"""Bound of the negative cache: some megabytes."""


class SuppressionList:
    """The suppression list of a workspace.

    Caches names that are not on it: the keyed hash of a name costs as much as validating an event.
    """

    __slots__ = ("_clear", "_digests", "_key")

    def __init__(self, digests: AbstractSet[bytes], key: bytes) -> None:
        self._digests = digests
        self._key = key
        self._clear: set[str] = set()

    def covers(self, envelope: Envelope) -> bool:
        """Whether any name in the event is on the list."""
        return any(map(self._holds, _names(envelope)))

    def _holds(self, name: str) -> bool:
        if name in self._clear:
            return False
        if not self._digests.isdisjoint(stored_digests(name, key=self._key)):
            return True
        if len(self._clear) < _MAX_CLEAR:
            self._clear.add(name)
        return False


def _names(envelope: Envelope) -> Iterator[str]:
    if envelope.user_id:
        yield USER + envelope.user_id
    if envelope.external_id:
        yield EXTERNAL + envelope.external_id
    if envelope.email:
        yield normal(EMAIL + envelope.email)
    if envelope.anonymous_id:
        yield ANONYMOUS + envelope.anonymous_id
    if envelope.previous_id:
        yield ANONYMOUS + envelope.previous_id
        yield USER + envelope.previous_id
    yield from envelope.previous_names
    for address in _addresses(envelope):
        yield normal(EMAIL + address)


def _addresses(envelope: Envelope) -> Iterator[str]:
    """E-mail addresses in other fields than `email`."""
    for name in (
        envelope.user_id, envelope.anonymous_id, envelope.previous_id,
        envelope.account_id, envelope.previous_account_id,
        envelope.external_id, envelope.account_external_id,
    ):  # fmt: skip
        if name and (is_address(name) or is_hashed(name)):
            yield name
    for traits in (envelope.traits, envelope.context.get("traits")):
        of_traits = traits.get("email") if isinstance(traits, dict) else None
        if isinstance(of_traits, str) and of_traits != envelope.email and of_traits.strip():
            yield of_traits.strip()
    if envelope.type == "unmapped":
        # An unmapped item may name a person anywhere.
        yield from emails.all_in(envelope.properties)
