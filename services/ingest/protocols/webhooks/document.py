"""Webhooks in the OpenAPI document."""

from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.http.rejections import erasure_unavailable
from services.ingest.protocols.common.document import (
    DocumentContext,
    Section,
    example_of,
    reference,
    responses,
    succeeded,
)
from services.ingest.protocols.webhooks.parse import FOREIGN_ORGANIZATION, NOT_SOAP
from services.ingest.protocols.webhooks.providers.salesforce_soap import ACKNOWLEDGED
from services.ingest.protocols.webhooks.rejections import (
    delivery_rejected,
    invalid_signature,
    public_url_unknown,
    source_unknown,
)
from services.ingest.protocols.webhooks.route import PATH, PROVIDERS, verdicts
from shared.http.openapi import Json

TAGS = {"webhooks": "What CRMs, billing and support systems tell of their own accord."}

SECURITY: Json = {
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-HubSpot-Signature-v3",
        "description": "Whatever the provider signs by, or the source's secret: docs/ways-in has a"
        " page for each.",
    }
}

SCHEMAS: Json = {
    "Delivered": {
        "type": "object",
        "properties": {
            "accepted": {"type": "integer", "minimum": 0, "description": "Events that are stored."},
            "unmapped": {
                "type": "integer",
                "minimum": 0,
                "description": "How many of them nobody knows: kept as dead letters, to be mapped.",
            },
            "rejected": {"type": "array", "items": reference("Rejection")},
        },
        "required": ["accepted", "unmapped", "rejected"],
    }
}

_OF_KEYS = frozenset({"unauthenticated", "missing_scope", "keys_unavailable"})
"""Codes of rejections that only senders with keys meet."""

_OUTBOUND_MESSAGE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
    "<OrganizationId>00D000000000001EAA</OrganizationId></notifications>"
    "</soapenv:Body></soapenv:Envelope>"
)
_EXAMPLE: Json = {
    "eventId": 100,
    "subscriptionId": 12,
    "portalId": 33,
    "occurredAt": 1772443800000,
    "subscriptionType": "deal.propertyChange",
    "objectId": 201,
    "propertyName": "dealstage",
    "propertyValue": "contractsent",
}


def section(context: DocumentContext) -> Section:
    """The one path."""
    return Section(
        tags=TAGS, paths={PATH: {"post": _operation(context)}}, schemas=SCHEMAS, security=SECURITY
    )


def _operation(context: DocumentContext) -> Json:
    limits = context.limits
    anything: Json = {"description": "As the provider sends it."}
    return {
        "operationId": "receiveWebhook",
        "tags": ["webhooks"],
        "summary": "Take in what a provider tells",
        "description": "The signature is checked over the bytes as they came. Everything that can be"
        " read is answered 200, also what is refused or not known, or the provider would send it"
        " again; Salesforce's outbound messages get their acknowledgement in XML. The provider's own"
        " name of an event becomes its message id, so that a repeated delivery counts once.",
        "security": [{"webhookSignature": []}, {}],
        "parameters": [
            {
                "name": "provider",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "enum": sorted(PROVIDERS)},
                "description": "The source's kind.",
            },
            {
                "name": "source_id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1},
                "description": "The source's id.",
            },
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {limits.max_capture_bytes} bytes after decompression and"
            f" {limits.max_events} events.",
            "content": {
                "application/json": {"schema": anything, "example": [_EXAMPLE]},
                "text/xml": {"schema": {"type": "string"}, "example": _OUTBOUND_MESSAGE},
            },
        },
        "responses": _responses(context),
    }


def _responses(context: DocumentContext) -> Json:
    some = verdicts(2, 1, [(2, Refused(RefusalCode.NOT_AN_OBJECT, "An event is a JSON object."))])
    return responses(
        {
            "200": succeeded(
                "The event log has stored what could be stored.",
                reference("Delivered"),
                {"all": example_of(verdicts(1, 0, [])), "some": example_of(some)},
                {"text/xml": {"schema": {"type": "string"}, "example": ACKNOWLEDGED.decode()}},
            )
        },
        [
            *(each for each in context.rejections_of_large_bodies if each.code not in _OF_KEYS),
            delivery_rejected(NOT_SOAP),
            delivery_rejected(FOREIGN_ORGANIZATION),
            invalid_signature(),
            source_unknown(),
            public_url_unknown(),
            erasure_unavailable(),
        ],
    )
