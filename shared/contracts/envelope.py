"""The wire envelope v1: what ingest writes to the event log and the stager reads back.

The JSON Schema of this struct is exported to docs/schemas/envelope.v1.json and frozen by a test:
fields may be added with a default, never renamed, retyped or removed. Raw bytes of the envelope are
also what the `touchpoint` table keeps, so a re-fold years later reads this format.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from shared.contracts import names

EventType = Literal[
    "track", "identify", "page", "screen", "group", "alias", "merge", "erase", "unmapped",
    "leave", "unmerge", "retract",
]  # fmt: skip
"""What a record asks of the stager. The first six are touchpoints.

`alias`: the person of the event and the persons in `previous_names` or `previous_id` are one. `merge`:
`account_id` absorbs `previous_account_id`. `unmerge` withdraws both: the person of the event is none of
`previous_names`, the account of the event did not absorb `previous_account_id`. `leave`: the person or
object of the event is in the event's account no longer. All of these are touchpoints too.

`erase`: erase the person that is named, no touchpoint. `retract`: take back the touchpoint `retracts`, or all
of the import `import_id`; no touchpoint either, and it names nobody. `unmapped`: kept as a dead letter until
a mapping exists; `properties` is what the provider sent, `event` the provider's name for it, and a person or
account is optional.
"""

Survey = Literal["nps", "csat", "ces", "pulse"]
"""Kind of question that `score` answers; docs/touchpoints.md has the scale of each."""

MAX_MESSAGE_ID_CHARS = 100
MAX_ID_CHARS = 512
MAX_ID_BYTES = 800
"""Three names in UTF-8 fit into one entry of an index of Postgres, which holds 2,704 bytes."""
MAX_EVENT_CHARS = 255
MAX_IMPORT_ID_CHARS = 100


def fits_id(text: str) -> bool:
    """Whether a text is short enough for an id, in characters and in bytes."""
    if len(text) > MAX_ID_CHARS:
        return False
    return text.isascii() or len(text.encode("utf-8", "surrogatepass")) <= MAX_ID_BYTES


class Campaign(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What brought the customer here, by the five names of the UTM convention."""

    name: str | None = None
    source: str | None = None
    medium: str | None = None
    term: str | None = None
    content: str | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One accepted touchpoint. Instants are aware UTC; strings hold no NUL and no lone surrogate."""

    v: Literal[1] = 1
    workspace_id: int
    message_id: str
    type: EventType = "track"
    event: str
    occurred_at: datetime
    """When it happened, after correction of the sender's clock; never later than `received_at`."""
    received_at: datetime
    tie: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] = 0
    """Place among the events of one instant, see `services/ingest/events/tie.py`; 0: not known."""
    original_timestamp: str | None = None
    """The sender's own words about the time, where they differ from `occurred_at`."""
    source: str | None = None
    """Id of the source that the event came in by, or of its key where that has no source."""
    account_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    external_id: str | None = None
    """A provider's record of the person or object, such as `hubspot:contact:8301`, `hubspot:deal:501`."""
    account_external_id: str | None = None
    """A provider's record of the account, such as `hubspot:company:701`.

    The event belongs to the account of the record. Beside it `account_id` says which account that is, as
    the record's field says it; the newest of several counts. The same text in both takes back what was said:
    the record is an account of its own.
    """
    previous_id: str | None = None
    """Segment's `alias`: the former id of the person, a name of any kind."""
    previous_names: list[str] = []
    """Names with their prefix: the other persons of an `alias` or `unmerge`.

    Of any other type they are further names of the event's person, beside those in its fields; devices
    among them do not count.
    """
    previous_account_id: str | None = None
    """The account that `account_id` absorbs, in a `merge`."""
    channel: str | None = None
    role: str | None = None
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    account_traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    sentiment: int | None = None
    """1 (very unhappy) to 5 (very happy)."""
    emotion: str | None = None
    friction: str | None = None
    thought: str | None = None
    """What the customer thought, in their words or the observer's."""
    question: str | None = None
    """What the customer wanted to know."""
    survey: Survey | None = None
    score: float | None = None
    """Answer to a survey, on the scale of its kind."""
    logged_by: str | None = None
    """Person who reported it, where no system did."""
    internal: bool = False
    """The customer does not see it: hand-over, budget approval."""
    campaign: Campaign | None = None
    value: float | None = None
    reason: str | None = None
    """Why an operator merged, unmerged or retracted; `logged_by` says who did."""
    is_about_record: bool = False
    """The event is about the record `external_id` alone, not about the person: the record was deleted.

    Where another record absorbed it by an `alias`, the event is none of the survivor's.
    """
    ignored_ids: dict[str, str] = {}
    """Ids that name nobody (`undefined`, `null`), taken off the event by ingest: field -> text as sent."""
    trusted_ids: list[str] = []
    """Fields whose id looks like one that names nobody, and is a name in this workspace."""
    withheld: list[str] = []
    """Fields with a join that their sender may not state, by the settings of its source.

    Of `previous_id` and `previous_names` the names of devices count alone; any other was taken off.
    """
    import_id: str | None = None
    """The import that the event came by, which can be taken back as a whole."""
    retracts: str | None = None
    """Stored message id of the touchpoint that a `retract` takes back."""

    def person(self) -> str | None:
        """Strongest name of the acting person, see `names.person_ref`."""
        return names.person_ref(
            user_id=self.user_id,
            email=self.email,
            anonymous_id=self.anonymous_id,
            external_id=self.external_id,
        )

    def partition_key(self) -> bytes:
        """Key of the record in the event log. Raises ValueError if the event has no name."""
        subject = self.account_external_id or self.account_id or self.person()
        if subject is None and self.type == "unmapped":
            subject = self.source
        if subject is None and self.type == "retract":
            subject = self.retracts or self.import_id
        if subject is None:
            msg = "an envelope names an account or a person"
            raise ValueError(msg)
        return names.partition_key(self.workspace_id, subject)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """Bytes of one record; fields at their default are left out."""
    return _encoder.encode(envelope)


def decode(value: bytes) -> Envelope:
    """Read one record. Raises msgspec.MsgspecError or UnicodeDecodeError or RecursionError."""
    return _decoder.decode(value)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the envelope, as published in docs/schemas."""
    return msgspec.json.schema(Envelope)
