"""The same facts as each CRM reports them: contacts, companies, deals and their merges."""

from datetime import UTC
from typing import Any, Protocol

from shared.sources.source import SourceKind
from tests.unit.ingest.protocols.webhooks.providers import payloads
from tests.unit.ingest.protocols.who_is_who.stories import PROPERTY, Story, at, milliseconds


class Crm(Protocol):
    """A provider; numbers stand for records, minutes for times."""

    company_name: str
    """Name of a company's record, before its number."""
    contact_name: str
    """Stored name of a contact, before its number."""

    def address(self, story: Story, minute: int, contact: int, address: str, company: int) -> None:
        """A contact of a company has this address."""

    def account_id(self, story: Story, minute: int, company: int, value: str) -> None:
        """The company's property has this account id."""

    def deal(self, story: Story, minute: int, deal: int, company: int, former: int | None) -> None:
        """A deal is of a company, and was of a former one."""

    def won(self, story: Story, minute: int, deal: int, company: int) -> None:
        """A deal of a company is won."""

    def merge(self, story: Story, minute: int, survivor: int, contact: int) -> None:
        """A contact is merged into another one."""


class HubSpot:
    """Changes by webhook: each names one property or association."""

    company_name = "hubspot:company:"
    contact_name = "external:hubspot:contact:"

    def _send(self, story: Story, minute: int, kind: str, **more: Any) -> None:
        item = payloads.hubspot(
            kind, **{"eventId": len(story.envelopes), "occurredAt": milliseconds(minute), **more}
        )
        story.webhook(SourceKind.HUBSPOT, item)

    def _set(self, story: Story, minute: int, thing: str, number: int, **value: str) -> None:
        ((name, text),) = value.items()
        self._send(
            story, minute, f"{thing}.propertyChange",
            objectId=number, propertyName=name, propertyValue=text,
        )  # fmt: skip

    def _link(
        self, story: Story, minute: int, kind: str, ends: tuple[int, int], *, is_removed: bool
    ) -> None:
        self._send(
            story, minute, f"{kind.partition('_')[0].lower()}.associationChange",
            associationType=kind, fromObjectId=ends[0], toObjectId=ends[1],
            associationRemoved=is_removed,
        )  # fmt: skip

    def address(self, story: Story, minute: int, contact: int, address: str, company: int) -> None:
        self._set(story, minute, "contact", contact, email=address)
        self._link(story, minute, "CONTACT_TO_COMPANY", (contact, company), is_removed=False)

    def account_id(self, story: Story, minute: int, company: int, value: str) -> None:
        self._set(story, minute, "company", company, **{PROPERTY: value})

    def deal(self, story: Story, minute: int, deal: int, company: int, former: int | None) -> None:
        if former is not None:
            self._link(story, minute, "DEAL_TO_COMPANY", (deal, former), is_removed=True)
        self._link(story, minute + 1, "COMPANY_TO_DEAL", (company, deal), is_removed=False)

    def won(self, story: Story, minute: int, deal: int, company: int) -> None:  # noqa: ARG002
        self._set(story, minute, "deal", deal, dealstage="closedwon")

    def leave(self, story: Story, minute: int, contact: int, company: int) -> None:
        """A contact is in a company no longer, and in no other."""
        self._link(story, minute, "COMPANY_TO_CONTACT", (company, contact), is_removed=True)

    def merge(self, story: Story, minute: int, survivor: int, contact: int) -> None:
        self._send(
            story, minute, "contact.merge",
            objectId=survivor, primaryObjectId=survivor, mergedObjectIds=[contact],
        )  # fmt: skip
        self._send(story, minute, "contact.deletion", objectId=contact)


class HubSpotWithNewRecords(HubSpot):
    """HubSpot since a merge makes a record of its own, which here is the survivor."""

    def merge(self, story: Story, minute: int, survivor: int, contact: int) -> None:
        self._send(
            story, minute, "contact.merge",
            objectId=contact, primaryObjectId=contact, mergedObjectIds=[contact],
            newObjectId=survivor,
        )  # fmt: skip
        self._send(story, minute, "contact.deletion", objectId=contact)


class Salesforce:
    """Whole records by a flow, and deletions by change events."""

    company_name = "salesforce:account:"
    contact_name = "external:salesforce:contact:"

    def _number(self, prefix: str, number: int) -> str:
        return f"{prefix}{number:012}AAA"

    def _send(self, story: Story, minute: int, kind: str, number: str, **fields: Any) -> None:
        changed_at = at(minute).astimezone(UTC).isoformat()
        item = payloads.record(kind, number, **{"LastModifiedDate": changed_at, **fields})
        story.webhook(SourceKind.SALESFORCE, item)

    def address(self, story: Story, minute: int, contact: int, address: str, company: int) -> None:
        number, account = self._number("003", contact), self._number("001", company)
        self._send(story, minute, "Contact", number, Email=address, AccountId=account)

    def account_id(self, story: Story, minute: int, company: int, value: str) -> None:
        self._send(story, minute, "Account", self._number("001", company), **{PROPERTY: value})

    def deal(self, story: Story, minute: int, deal: int, company: int, former: int | None) -> None:  # noqa: ARG002
        number, account = self._number("006", deal), self._number("001", company)
        self._send(story, minute, "Opportunity", number, AccountId=account)

    def won(self, story: Story, minute: int, deal: int, company: int) -> None:
        number, account = self._number("006", deal), self._number("001", company)
        self._send(
            story, minute, "Opportunity", number, AccountId=account, StageName="Won", IsWon=True
        )

    def merge(self, story: Story, minute: int, survivor: int, contact: int) -> None:
        number, kept = self._number("003", contact), self._number("003", survivor)
        self._send(story, minute, "Contact", number, MasterRecordId=kept)
        deletion = payloads.change("Contact", number, "DELETE")
        deletion["payload"]["ChangeEventHeader"] |= {
            "commitTimestamp": milliseconds(minute),
            "transactionKey": f"k{len(story.envelopes)}",
        }
        story.webhook(SourceKind.SALESFORCE, deletion)


class Pipedrive:
    """Whole records with what they were before."""

    company_name = "pipedrive:organization:"
    contact_name = "external:pipedrive:person:"

    def _send(self, story: Story, minute: int, kind: str, number: int, **parts: Any) -> None:
        action, _, entity = kind.partition(" ")
        item = payloads.pipedrive(action, entity, parts.get("data"), parts.get("before"))
        item["meta"] |= {
            "entity_id": str(number),
            "id": f"d{len(story.envelopes)}",
            "timestamp": at(minute).isoformat(),
            **parts.get("meta", {}),
        }
        story.webhook(SourceKind.PIPEDRIVE, item)

    def address(self, story: Story, minute: int, contact: int, address: str, company: int) -> None:
        data = {"emails": [{"value": address, "primary": True}], "org_id": company}
        self._send(story, minute, "change person", contact, data=data, before={"emails": []})

    def account_id(self, story: Story, minute: int, company: int, value: str) -> None:
        self._send(story, minute, "change organization", company, data={PROPERTY: value})

    def deal(self, story: Story, minute: int, deal: int, company: int, former: int | None) -> None:
        data = {"org_id": company, "person_id": 5}
        self._send(story, minute, "change deal", deal, data=data, before={"org_id": former})

    def won(self, story: Story, minute: int, deal: int, company: int) -> None:
        data = {"org_id": company, "person_id": 5, "status": "won"}
        self._send(story, minute, "change deal", deal, data=data, before={"status": "open"})

    def leave(self, story: Story, minute: int, contact: int, company: int) -> None:
        """A contact is in a company no longer, and in no other."""
        before = {"org_id": company}
        self._send(story, minute, "change person", contact, data={"org_id": None}, before=before)

    def merge(self, story: Story, minute: int, survivor: int, contact: int) -> None:
        meta = {"merged_to_id": str(survivor)}
        self._send(story, minute, "delete person", contact, before={"name": "Ann"}, meta=meta)


CRMS: tuple[Crm, ...] = (HubSpot(), HubSpotWithNewRecords(), Salesforce(), Pipedrive())
