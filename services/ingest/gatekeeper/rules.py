"""What an event passes between admission and the log: the one place that decides. Pure.

What a browser may not say is refused, whom nobody may follow is dropped, and what is too much is left
out. An erasure always passes: whoever wants to be left alone wants to be forgotten as well.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from services.ingest.events.verdicts import Dropped, DropReason, RefusalCode, Refused
from services.ingest.gatekeeper.rates import RateLimit, rate
from services.ingest.privacy.consent import consents
from services.ingest.privacy.redaction import Redaction, privacy, redact
from services.ingest.privacy.suppression import Suppression
from shared.contracts.envelope import Envelope
from shared.keys.token import KeyKind
from shared.sources.origins import Origins
from shared.sources.source import ConsentRule, Source, SourceSettings, WorkspaceRules

SERVER_ONLY = Refused(
    RefusalCode.SERVER_ONLY_EVENT,
    "By the workspace's maps this event comes from servers alone: send it with a secret key.",
)
_SUPPRESSED = Dropped(DropReason.SUPPRESSED)
_NO_CONSENT = Dropped(DropReason.NO_CONSENT)
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """The rules for events of one source (or of keys without one) by one kind of key."""

    server_only: frozenset[str]
    suppression: Suppression | None
    """None while the list is empty."""
    consent: ConsentRule | None
    privacy: Redaction
    origins: Origins = field(default_factory=lambda: Origins(()))
    """Pages that may send; none: any."""
    rate: RateLimit | None = None
    is_open: bool = False
    """Every event passes, and only addresses of the internet are looked for."""

    def apply(self, envelope: Envelope) -> Envelope | Refused | Dropped:
        """The event as it may be stored, or why it is not.

        Raises RecursionError for an event that nests too deep.
        """
        if self.is_open and envelope.type != "unmapped":
            # Nearly every event of a sender without rules: no more than four look-ups.
            context, properties = envelope.context, envelope.properties
            if not (
                "ip" in context or "ip" in properties or "$ip" in properties or "$ip" in context
            ):
                return envelope
        elif envelope.type != "erase":
            if envelope.event in self.server_only:
                return SERVER_ONLY
            if self.suppression is not None and self.suppression.covers(envelope):
                return _SUPPRESSED
            if self.consent is not None and not consents(envelope.context, self.consent):
                return _NO_CONSENT
        return redact(envelope, self.privacy)


def door(
    kind: KeyKind, source: Source | None, rules: WorkspaceRules, suppressed: AbstractSet[bytes]
) -> SourceRules:
    """The door for what comes by a key of this kind. `suppressed` may grow later, unnoticed."""
    settings = SourceSettings() if source is None else source.settings
    # Everybody can read a write key off a web page, and say with it what they like.
    server_only = rules.server_only if kind is KeyKind.WRITE else _NOTHING
    of_source = privacy(settings, rules.hash_key)
    return SourceRules(
        server_only=server_only,
        suppression=Suppression(suppressed, rules.hash_key) if suppressed else None,
        is_open=of_source.is_plain and not (server_only or suppressed or settings.consent),
        consent=settings.consent,
        privacy=of_source,
        origins=Origins(settings.allowed_origins),
        rate=rate(settings.events_per_second, settings.burst),
    )
