"""What senders deliver, as envelopes, and what the reference of identity makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.ingest.events.candidate import Candidate, ForeignCandidate
from services.ingest.protocols.posthog.event import RequestFields
from services.ingest.protocols.posthog.event import to_candidate as posthog_candidate
from services.ingest.protocols.segment.call import SegmentCall
from services.ingest.protocols.segment.call import to_candidate as segment_candidate
from services.ingest.protocols.webhooks.parse import DeliveryContext, parse_item
from services.ingest.validation import Validated, shared_fields, validate
from shared.contracts.envelope import Envelope
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import Principal, Scope
from shared.keys.token import KeyKind
from shared.sources.mapping import CompiledMapping
from shared.sources.source import SourceKind, SourceSettings
from tests.support.identity_reference import identities
from tests.support.identity_statements import read_all

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_PRINCIPAL = Principal(
    workspace_id=DEFAULT_WORKSPACE,
    key_id="0123456789ab",
    kind=KeyKind.WRITE,
    scopes=frozenset({Scope.EVENTS_WRITE}),
)
_COMMON = shared_fields(_PRINCIPAL, START + timedelta(days=100))
PROPERTY = "our_account"
"""`account_id_property` of the sources."""


def at(minute: int) -> datetime:
    """The instant some minutes after the start."""
    return START + timedelta(minutes=minute)


def milliseconds(minute: int) -> int:
    """The same in milliseconds since 1970, as HubSpot and Salesforce write it."""
    return round(at(minute).timestamp() * 1000)


class Story:
    """Events of any senders."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def add(self, candidate: object) -> None:
        """Add what an adapter made, as ingest stores it."""
        assert isinstance(candidate, Candidate), candidate
        verdict = validate(candidate, _COMMON)
        assert isinstance(verdict, Validated), verdict
        self.envelopes.append(verdict.envelope)

    def native(self, minute: int, event: str, **names: Any) -> None:
        """Add a touchpoint of the native protocol."""
        self.add(
            ForeignCandidate(event=event, occurred_at=at(minute), message_id=f"n{minute}", **names)
        )

    def segment(self, minute: int, kind: Any, **fields: Any) -> None:
        """Add a call of a Segment SDK."""
        call = SegmentCall(timestamp=at(minute).isoformat(), message_id=f"s{minute}", **fields)
        self.add(segment_candidate(call, kind, None, {}))

    def posthog(self, minute: int, event: str, distinct_id: str, **properties: Any) -> None:
        """Add a call of a PostHog SDK of a server; names of properties with `_` for `$`."""
        sent = {
            "event": event,
            "distinct_id": distinct_id,
            "timestamp": at(minute).isoformat(),
            "uuid": f"p{minute}",
            "properties": {name.replace("_", "$", 1): value for name, value in properties.items()},
        }
        self.add(posthog_candidate(sent, RequestFields(received_at=START)))

    def webhook(
        self, kind: SourceKind, item: dict[str, Any], mapping: CompiledMapping | None = None
    ) -> None:
        """Add what an item of a provider becomes."""
        settings = SourceSettings(account_id_property=PROPERTY)
        context = DeliveryContext(kind=kind, source_id="s", settings=settings, mapping=mapping)
        for candidate in parse_item(item, context):
            assert isinstance(candidate, Candidate), candidate
            self.add(candidate)

    def people(self) -> list[set[str]]:
        """Names of each person with more than one."""
        groups = identities(read_all(self.envelopes)).persons.values()
        return [set(group) for group in groups if len(group) > 1]

    def subjects(self, event: str) -> list[str]:
        """Subjects of the events of a name, in event order."""
        owners = identities(read_all(self.envelopes)).owners
        ordered = sorted(self.envelopes, key=lambda each: (each.occurred_at, each.message_id))
        return [owners[each.message_id].subject for each in ordered if each.event == event]
