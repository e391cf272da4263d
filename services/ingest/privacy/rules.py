"""The privacy step: what happens to a valid event before the log. Pure.

In this order: an event that only servers may send, or that is older than its source allows, is refused, an
event about a suppressed person or without consent is dropped, and the rest is redacted. Erasures skip these
checks: a person who is suppressed may be erased as well.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from services.ingest.events.joins import without_joins
from services.ingest.events.verdicts import Dropped, DropReason, RefusalCode, Refused
from services.ingest.limits import MAX_UNMAPPED_BYTES
from services.ingest.privacy.consent import consents
from services.ingest.privacy.redaction import Redaction, redact, redaction
from services.ingest.privacy.suppression import SuppressionList
from shared.contracts.envelope import Envelope
from shared.contracts.names import cleaned
from shared.keys.token import KeyKind
from shared.sources.source import ConsentRule, SourceSettings, WorkspaceRules

SERVER_ONLY = Refused(
    RefusalCode.SERVER_ONLY_EVENT,
    "By the workspace's maps this event comes from servers alone: send it with a secret key.",
)
TOO_OLD = Refused(
    RefusalCode.TOO_OLD,
    "It happened longer ago than the settings of its source allow: send it with a secret key.",
)
_SUPPRESSED = Dropped(DropReason.SUPPRESSED)
_NO_CONSENT = Dropped(DropReason.NO_CONSENT)
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """The rules for events of one source (or of keys without one) by one kind of key."""

    server_only: frozenset[str]
    suppression: SuppressionList | None
    """None while the list is empty."""
    consent: ConsentRule | None
    redaction: Redaction
    max_age: timedelta | None = None
    """None: events of any age."""
    drops_value: bool = False
    drops_account_traits: bool = False
    withholds_joins: bool = False

    def apply(
        self, envelope: Envelope, *, max_bytes: int = MAX_UNMAPPED_BYTES
    ) -> Envelope | Refused | Dropped:
        """The event as it may be stored, or why it is not.

        `max_bytes` bounds events whose fields are hashed, see `redact`.
        Raises RecursionError for an event that nests too deep.
        """
        if envelope.type != "erase":
            if envelope.event in self.server_only:
                return SERVER_ONLY
            if self.max_age is not None and _is_older(envelope, self.max_age):
                return TOO_OLD
            if self.suppression is not None and self.suppression.covers(envelope):
                return _SUPPRESSED
            if self.consent is not None and not consents(envelope.context, self.consent):
                return _NO_CONSENT
        envelope = self._reduced(envelope)
        if self.redaction.is_plain and envelope.type != "unmapped":
            # Most events have no IP address: no more than four look-ups.
            context, properties = envelope.context, envelope.properties
            if not (
                "ip" in context or "ip" in properties or "$ip" in properties or "$ip" in context
            ):
                return envelope
        return redact(envelope, self.redaction, max_bytes=max_bytes)

    def _reduced(self, envelope: Envelope) -> Envelope:
        """The event without what its source may not say, which does not cost the rest of it."""
        if self.drops_value and envelope.value is not None:
            envelope = replace(envelope, value=None)
        if self.drops_account_traits and envelope.account_traits:
            envelope = replace(envelope, account_traits={})
        return without_joins(envelope) if self.withholds_joins else envelope


def _is_older(envelope: Envelope, age: timedelta) -> bool:
    """Whether it happened longer ago. An unmapped item is judged when a mapping reads it."""
    return envelope.type != "unmapped" and envelope.received_at - envelope.occurred_at > age


def event_rules(
    kind: KeyKind, settings: SourceSettings, rules: WorkspaceRules, suppressed: AbstractSet[bytes]
) -> EventRules:
    """The rules for events by a key of this kind.

    `suppressed` is the registry's own set: later additions to it take effect in these rules.
    """
    # A write key is public: it can be read from the web page and used by any program.
    is_public = kind is KeyKind.WRITE
    # Events are stored in this form, and a map of before may name one in another.
    server_only = frozenset(map(cleaned, rules.server_only)) if is_public else _NONE
    of_source = redaction(settings, rules.hash_key)
    return EventRules(
        server_only=server_only,
        suppression=SuppressionList(suppressed, rules.hash_key) if suppressed else None,
        max_age=None if settings.max_age_days is None else timedelta(days=settings.max_age_days),
        drops_value=settings.value == "drop",
        drops_account_traits=settings.account_traits == "drop",
        withholds_joins=settings.joins == "drop",
        consent=settings.consent,
        redaction=of_source,
    )
