"""Parse, validate and privacy as a running ingest applies them, for commands that store nothing.

Beside `compose`, not in it: a dry run starts without the drivers of the database and the event log,
whose imports would triple the time that the command takes to start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.decisions import Decisions, decide
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import BodyRefused, Refused
from services.ingest.gatekeeper.rules import Sender, source_rules
from services.ingest.limits import Limits
from services.ingest.protocols.touchpoints.parse import parse
from services.ingest.validation import Validated, shared_fields, validate
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import SCOPES_OF_KIND, Principal
from shared.keys.token import KeyKind
from shared.sources.source import WorkspaceRules


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What ingest would decide about events of a server without a source. Pure; stores nothing.

    Rules of a workspace or a source are not applied: only a running ingest has them.
    """

    limits: Limits = field(default_factory=Limits)

    def touchpoints(self, body: bytes) -> Sequence[Candidate | Refused] | BodyRefused:
        """Parse a body of `POST /v1/touchpoints`: a candidate or a refusal for each event."""
        return parse(body, is_ndjson=False, limits=self.limits)

    def validate(self, candidate: Candidate, *, received_at: datetime) -> Validated | Refused:
        """Validate one candidate; privacy rules are not applied."""
        return validate(candidate, shared_fields(_SENDER.principal, received_at))

    def decide(self, items: Sequence[Candidate | Refused], *, received_at: datetime) -> Decisions:
        """Validate the items and apply the default privacy rules; positions as in `items`."""
        return decide(items, sender=_SENDER, received_at=received_at, limits=self.limits)


_SENDER = Sender(
    Principal(
        workspace_id=DEFAULT_WORKSPACE,
        key_id="dry-run",
        kind=KeyKind.SECRET,
        scopes=SCOPES_OF_KIND[KeyKind.SECRET],
    ),
    source_rules(KeyKind.SECRET, None, WorkspaceRules(hash_key=b""), frozenset(), Limits()),
)
