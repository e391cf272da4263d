"""Responses to statements that mean nothing, or that must not be stored."""

from services.ingest.http.rejections import RequestRejected
from services.ingest.protocols.statements.parse import OTHER, PREFIXES, Fault, Verb
from shared.contracts.envelope import MAX_ID_CHARS, MAX_MESSAGE_ID_CHARS

_STATUSES = {Fault.INVALID_PERSON: 400, Fault.INVALID_ACCOUNT: 400, Fault.PERSON_SUPPRESSED: 409}
_UNPROCESSABLE = 422
_DETAILS = {
    Fault.INVALID_PERSON: f"A person is named by {PREFIXES} and their id, at most {MAX_ID_CHARS}"
    " characters.",
    Fault.INVALID_ACCOUNT: f"An account is named by its id, at most {MAX_ID_CHARS} characters; ids that"
    f" begin with {PREFIXES} are those of persons.",
    Fault.INVALID_BODY: "The body is a JSON object with `{other}`, the other name; `reason`, a text; and"
    f" perhaps a `message_id` of at most {MAX_MESSAGE_ID_CHARS} characters.",
    Fault.INVALID_NAME: "`{other}` is a name like that of the path: a person's with"
    f" {PREFIXES} before it, or the id of an account.",
    Fault.SAME_SUBJECT: "Both names are the same one in their stored form.",
    Fault.KINDS_DIFFER: "A deal or a ticket is a thing of an account, and no person: name two people, or"
    " two of those. A device, which people use in turn, is not unmerged, and not merged with another"
    " device.",
    Fault.JUNK_NAME: "One of the names is a word like `undefined`, or an unfilled template, and names"
    " nobody.",
    Fault.PERSON_SUPPRESSED: "One of the names is suppressed or erased: nothing is stored about it.",
}


def rejected(fault: Fault, verb: Verb) -> RequestRejected:
    """The response to a fault."""
    detail = _DETAILS[fault].replace("{other}", OTHER[verb])
    return RequestRejected(_STATUSES.get(fault, _UNPROCESSABLE), fault.value, detail)
