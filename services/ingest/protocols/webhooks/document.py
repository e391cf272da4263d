"""Webhooks in the OpenAPI document."""

from collections.abc import Sequence

import msgspec

from services.ingest.events.verdicts import RefusalCode, Refused
from services.ingest.http.rejections import RequestRejected
from services.ingest.limits import Limits
from services.ingest.protocols.common.endpoint import as_problem
from services.ingest.protocols.webhooks.parse import FOREIGN_ORGANIZATION, NOT_SOAP
from services.ingest.protocols.webhooks.providers import salesforce_soap as soap
from services.ingest.protocols.webhooks.route import (
    PATH,
    PROVIDERS,
    delivery_rejected,
    invalid_signature,
    public_url_unknown,
    source_unknown,
    told,
)
from shared.http.openapi import REF, Json, fault_answer, header, refusal

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
            "rejected": {"type": "array", "items": {"$ref": REF.format(model="Rejection")}},
        },
        "required": ["accepted", "unmapped", "rejected"],
    }
}

_OF_KEYS = frozenset({"unauthenticated", "missing_scope", "keys_unavailable"})
"""Ways of being turned away that only senders with keys meet."""

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


def paths(limits: Limits, away: Sequence[RequestRejected]) -> Json:
    """The one path; `away` are the ways in which any request is turned away."""
    return {PATH: {"post": _operation(limits, away)}}


def _operation(limits: Limits, away: Sequence[RequestRejected]) -> Json:
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
        "responses": {"200": _taken(), **_errors(away)},
    }


def _taken() -> Json:
    some = told(2, 1, [(2, Refused(RefusalCode.NOT_AN_OBJECT, "An event is a JSON object."))])
    return {
        "description": "The event log has stored what could be stored.",
        "content": {
            "application/json": {
                "schema": {"$ref": REF.format(model="Delivered")},
                "examples": {
                    "all": {"value": msgspec.json.decode(told(1, 0, []).body)},
                    "some": {"value": msgspec.json.decode(some.body)},
                },
            },
            "text/xml": {"schema": {"type": "string"}, "example": soap.ACKNOWLEDGED.decode()},
        },
    }


def _errors(away: Sequence[RequestRejected]) -> Json:
    every = [
        *(each for each in away if each.code not in _OF_KEYS),
        delivery_rejected(NOT_SOAP),
        delivery_rejected(FOREIGN_ORGANIZATION),
        invalid_signature(),
        source_unknown(),
        public_url_unknown(),
    ]
    by_status: dict[int, Json] = {}
    for each in every:
        example = msgspec.json.decode(as_problem(each).body)
        by_status.setdefault(each.status, {})[each.code] = {"value": example}
    described = {
        str(status): refusal(status, examples) for status, examples in sorted(by_status.items())
    }
    described["415"]["headers"] = {"Accept-Encoding": header("The encodings that are taken.")}
    return {**described, "500": fault_answer()}
