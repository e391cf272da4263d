"""`POST /v1/people/{person}:erase`: forget a person.

Erasure goes in where events do, and through the same log: so it is as durable as what it takes back, and
whoever reads the log anew forgets the person anew. What it removes stands in docs/privacy.md.
"""

from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Receive

from services.ingest.events import strict_json
from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import Refused
from services.ingest.http import response as answers
from services.ingest.http.body import Lease
from services.ingest.http.rejections import RequestRejected
from services.ingest.http.response import RawResponse
from services.ingest.protocols.common.endpoint import Endpoint, Request
from shared.contracts.envelope import MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS
from shared.contracts.names import ANONYMOUS, EMAIL, RESERVED_PREFIXES, USER
from shared.http.auth import bearer_token
from shared.ids import new_message_id
from shared.keys.principal import Scope

PATH = "/v1/people/{person}:erase"
ROUTE = "/v1/people/{person:name}:erase"
"""As the router reads it."""

EVENT = "Person Erased"


class _NameConvertor(Convertor[str]):
    """A person's name in a path: of any characters, slashes and line breaks too."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Give it as it is."""
        return value


register_url_convertor("name", _NameConvertor())


class Erasure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said beside the person."""

    message_id: Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_ID_CHARS)] | None = None


def invalid_person() -> RequestRejected:
    """The path names nobody."""
    return RequestRejected(
        400,
        "invalid_person",
        "A person is named by user:, email: or anonymous: and their id, at most 512 characters.",
    )


def invalid_erasure() -> RequestRejected:
    """The body is no such object."""
    return RequestRejected(
        422,
        "invalid_body",
        "The body is left out, or a JSON object with a `message_id` of at most 100 characters.",
    )


class EraseEndpoint(Endpoint):
    """The route; see the module."""

    async def answer(self, request: Request, receive: Receive, lease: Lease) -> RawResponse:
        """Take in one erasure."""
        ingest = self.ingest
        received_at = ingest.clock.now()
        # Neither pause nor limit: whoever wants to be forgotten is not made to wait for our order.
        holder = await ingest.authenticate(
            bearer_token(request.authorization), self.path, scope=Scope.PEOPLE_ERASE
        )
        # By no source's rules: a person is forgotten under their name and its pseudonym, and only the
        # name leads to both.
        principal = request.principal = replace(holder, source_id=None)
        await ingest.gatekeeper.known(principal)
        said = _said(await self.read(receive, request, lease))
        message_id = said.message_id or new_message_id()
        intake = await ingest.store(
            [_erasure(request.params["person"], message_id)],
            principal=principal,
            received_at=received_at,
            route=self.path,
        )
        if intake.refused:
            raise invalid_person()
        return answers.json(202, {"message_id": message_id})


def _said(body: bytes) -> Erasure:
    if not body or body.isspace():
        return Erasure()
    value = strict_json.decode(body)
    if isinstance(value, Refused):
        raise invalid_erasure()
    try:
        said = msgspec.convert(value, Erasure)
    except msgspec.ValidationError:
        raise invalid_erasure() from None
    if said.message_id is not None and not said.message_id.strip():
        raise invalid_erasure()
    return said


def _erasure(person: str, message_id: str) -> ForeignCandidate:
    """The event that names `person`. Raises RequestRejected."""
    prefix = next((each for each in RESERVED_PREFIXES if person.startswith(each)), None)
    name = person[len(prefix or "") :].strip()
    # What was no UTF-8 in the path names nobody that was ever sent.
    if prefix is None or not name or len(name) > MAX_ID_CHARS or {"\0", "\ufffd"} & set(name):
        raise invalid_person()
    return ForeignCandidate(
        event=EVENT,
        type="erase",
        message_id=message_id,
        user_id=name if prefix == USER else None,
        email=name if prefix == EMAIL else None,
        anonymous_id=name if prefix == ANONYMOUS else None,
    )
