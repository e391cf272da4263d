"""An erasure request: the person in the path and the object in the body. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from services.ingest.events import strict_json
from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import Refused
from shared.contracts.envelope import MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.contracts.names import ANONYMOUS, EMAIL, EXTERNAL, RESERVED_PREFIXES, USER

EVENT = "Person Erased"


class ErasureBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body, which may be left out."""

    message_id: Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_CHARS)] | None = None


def parse_body(body: bytes) -> ErasureBody | None:
    """The body; None for one that is invalid."""
    if not body or body.isspace():
        return ErasureBody()
    value = strict_json.decode(body)
    if isinstance(value, Refused):
        return None
    try:
        parsed = msgspec.convert({} if value == [] else value, ErasureBody)
    except msgspec.ValidationError:
        return None
    is_blank = parsed.message_id is not None and not parsed.message_id.strip()
    return None if is_blank else parsed


def parse_person(person: str, message_id: str) -> ForeignCandidate | None:
    """The event that erases `person`; None where it names no person."""
    prefix = next((each for each in RESERVED_PREFIXES if person.startswith(each)), None)
    name = person[len(prefix or "") :].strip()
    if prefix is None or not name or len(name) > MAX_ID_CHARS:
        return None
    return ForeignCandidate(
        event=EVENT,
        type="erase",
        message_id=message_id,
        user_id=name if prefix == USER else None,
        external_id=name if prefix == EXTERNAL else None,
        email=name if prefix == EMAIL else None,
        anonymous_id=name if prefix == ANONYMOUS else None,
    )
