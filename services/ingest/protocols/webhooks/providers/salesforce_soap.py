"""Salesforce's outbound messages: SOAP 1.1 from an untrusted sender.

A body with a document type, an entity or an external reference is refused before anything of it is read.
Source: Salesforce's "Outbound Messaging".
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from services.ingest.protocols.webhooks.providers.item import JsonObject
from services.ingest.protocols.webhooks.providers.salesforce import NOTIFICATION

_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

_MOST_FIELDS = 1_000
"""Of a record; Salesforce allows 800 custom fields."""
_MAX_DEPTH = 32
"""A message nests seven levels; a tree of a hundred thousand would take a second to build."""

ACKNOWLEDGED = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)
"""After any other response Salesforce repeats the message for a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An outbound message: its organization, and its records in the form of Salesforce's JSON."""

    organization_id: str
    records: tuple[JsonObject, ...]


def parse(body: bytes) -> Message | None:
    """Read a message; None for any other bytes. Never raises."""
    try:
        parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
        parser.feed(body)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    node = root.find(f"./*/{_OUTBOUND}notifications")
    if node is None:
        return None
    records = [_record(each) for each in node.findall(f"{_OUTBOUND}Notification")]
    if not records or None in records:
        return None
    return Message(
        organization_id=(node.findtext(f"{_OUTBOUND}OrganizationId") or "").strip(),
        records=tuple(record for record in records if record is not None),
    )


class _Builder(TreeBuilder):
    """Builds a tree of bounded depth."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _record(notification: Element) -> JsonObject | None:
    """`Id` and fields as in Salesforce's JSON; a nil field is null."""
    node = notification.find(f"{_OUTBOUND}sObject")
    if node is None or len(node) > _MOST_FIELDS:
        return None
    record: JsonObject = {
        NOTIFICATION: (notification.findtext(f"{_OUTBOUND}Id") or "").strip(),
        "attributes": {"type": node.get(_TYPE, "").rpartition(":")[2]},
    }
    for field in node:
        # An element with children is a nested record, whose fields do not belong to this one.
        if len(field) == 0 and isinstance(field.tag, str):
            name = field.tag.rpartition("}")[2]
            record[name] = None if field.get(_NIL) == "true" else field.text or ""
    return record
