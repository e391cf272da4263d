"""A retraction: what the path names and the query says becomes one event. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from services.ingest.events.candidate import MAX_WORDS_CHARS
from shared.contracts.envelope import MAX_ID_CHARS, Envelope
from shared.contracts.names import cleaned
from shared.ids import new_message_id
from shared.keys.principal import Principal

Target = Literal["touchpoint", "import"]
EVENTS: dict[Target, str] = {"touchpoint": "Touchpoint Retracted", "import": "Import Retracted"}
_NAMES: dict[Target, frozenset[str]] = {
    "touchpoint": frozenset({"reason", "source", "all"}),
    "import": frozenset({"reason"}),
}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class Request(msgspec.Struct, frozen=True):
    """The query of a retraction."""

    reason: str
    source: str | None
    takes_all: bool


def parse_query(fields: Mapping[str, str], target: Target) -> Request | None:
    """Read the parameters of the query; None where they are none of a retraction."""
    reason, source = cleaned(fields.get("reason", "")), fields.get("source")
    takes_all = _TRUTH.get(fields.get("all", "false"))
    if (
        fields.keys() - _NAMES[target]
        or not 0 < len(reason) <= MAX_WORDS_CHARS
        or any("\0" in value for value in fields.values())
        or (source is not None and not 0 < len(source) <= MAX_ID_CHARS)
        or takes_all is None
    ):
        return None
    return Request(reason, source, takes_all)


def retraction(
    target: Target, name: str, reason: str, *, principal: Principal, received_at: datetime
) -> Envelope:
    """The event that takes `name` back: the stored message id of a touchpoint, or the id of an import."""
    is_import = target == "import"
    return Envelope(
        workspace_id=principal.workspace_id,
        message_id=new_message_id(),
        type="retract",
        event=EVENTS[target],
        occurred_at=received_at,
        received_at=received_at,
        source=principal.key_id,
        logged_by=principal.author,
        reason=reason,
        retracts=None if is_import else name,
        import_id=name if is_import else None,
    )
