"""Payloads in the form in which the providers document them."""

from typing import Any

from tests.unit.ingest.protocols.webhooks.senders import MILLISECONDS


def hubspot(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 100,
        "subscriptionId": 12,
        "portalId": 33,
        "appId": 44,
        "occurredAt": MILLISECONDS,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 201,
        **more,
    }


def changed(thing: str, name: str, value: str | None, **more: Any) -> dict[str, Any]:
    return hubspot(f"{thing}.propertyChange", propertyName=name, propertyValue=value, **more)


def record(kind: str, number: str, **fields: Any) -> dict[str, Any]:
    modified = {"LastModifiedDate": "2026-03-01T11:30:00.000+0000"}
    return {"attributes": {"type": kind}, "Id": number, **modified, **fields}


def change(kind: str, number: str, action: str, **fields: Any) -> dict[str, Any]:
    header = {
        "entityName": kind,
        "recordIds": [number],
        "changeType": action,
        "commitTimestamp": MILLISECONDS,
        "transactionKey": "key-1",
        "sequenceNumber": 1,
    }
    return {
        "schema": "s",
        "payload": {"ChangeEventHeader": header, **fields},
        "event": {"replayId": 5},
    }


def pipedrive(
    action: str, entity: str, data: dict[str, Any] | None, previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "meta": {
            "action": action,
            "entity": entity,
            "entity_id": "9",
            "id": "delivery-1",
            "timestamp": "2026-03-01T11:30:00.000Z",
            "version": "2.0",
        },
        "data": data,
        "previous": previous,
    }


def happened(kind: str, before: dict[str, Any] | None = None, **thing: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "type": kind,
        "created": MILLISECONDS // 1000,
        "data": {"object": thing, "previous_attributes": before or {}},
    }
