"""What Pipedrive says of who is who: organizations, moves between them, corrections."""

from typing import Any

import pytest

from shared.sources.source import SourceKind
from tests.unit.ingest.protocols.webhooks.providers.payloads import pipedrive
from tests.unit.ingest.protocols.webhooks.senders import parsed

ORGANIZATION = "pipedrive:organization:4"


def custom(value: str | None) -> dict[str, Any]:
    """A custom field `abc`, whose value is an object, or null where it is empty."""
    return {"custom_fields": {"abc": value and {"type": "varchar", "value": value}}}


@pytest.mark.parametrize(
    ("entity", "data", "expected"),
    [
        (
            "deal",
            {"org_id": 4, "person_id": 5},
            {"external_id": "pipedrive:deal:9", "account_external_id": ORGANIZATION},
        ),
        ("deal", {"person_id": 5}, {"external_id": "pipedrive:person:5"}),
        ("deal", {"org_id": 0, "person_id": 0}, {"external_id": "pipedrive:deal:9"}),
        (
            "deal",
            {"person_id": 5, **custom("acme")},
            {"external_id": "pipedrive:deal:9", "account_id": "acme"},
        ),
        (
            "deal",
            {"org_id": 4, **custom("n/a")},
            {"external_id": "pipedrive:deal:9", "account_external_id": ORGANIZATION},
        ),
        (
            "lead",
            {"organization_id": 4, "person_id": 5},
            {"external_id": "pipedrive:person:5", "account_external_id": ORGANIZATION},
        ),
        ("note", {"deal_id": 7}, {"external_id": "pipedrive:deal:7"}),
        (
            "note",
            {"deal_id": 7, "org_id": 4},
            {"external_id": "pipedrive:note:9", "account_external_id": ORGANIZATION},
        ),
        ("activity", {"deal_id": 7, "person_id": 5}, {"external_id": "pipedrive:person:5"}),
        (
            "person",
            {"org_id": {"value": 4}, "emails": [{"value": "ann@acme.example", "primary": True}]},
            {
                "external_id": "pipedrive:person:9",
                "account_external_id": ORGANIZATION,
                "email": "ann@acme.example",
            },
        ),
    ],
)
def test_a_record_names_itself_or_its_person_and_its_account(
    entity: str, data: dict[str, Any], expected: dict[str, Any]
) -> None:
    (event,) = parsed(
        SourceKind.PIPEDRIVE, pipedrive("create", entity, data), account_id_property="abc"
    )

    names = ("external_id", "account_external_id", "account_id", "email")
    assert {name: event[name] for name in names if name in event} == expected


@pytest.mark.parametrize("account_id", ["eiche-ag", "birke-ag", "n/a"])
def test_the_account_id_of_an_organization_says_which_account_its_record_is(
    account_id: str,
) -> None:
    item = pipedrive("change", "organization", {"name": "Acme", **custom(account_id)})

    assert parsed(SourceKind.PIPEDRIVE, item, account_id_property="abc") == [
        {
            "type": "group",
            "event": "Company Updated",
            "channel": "crm",
            "account_external_id": "pipedrive:organization:9",
            "account_id": account_id,
            "account_traits": {"name": "Acme"},
        }
    ]


def left(title: str, entity: str, **account: str) -> dict[str, Any]:
    return {
        "type": "leave",
        "event": f"{title} Unlinked",
        "channel": "crm",
        "external_id": f"pipedrive:{entity}:9",
        **account,
    }


@pytest.mark.parametrize(("entity", "title"), [("person", "Contact"), ("deal", "Deal")])
@pytest.mark.parametrize("now", [6, None])
def test_another_organization_or_none_ends_the_membership_in_the_former(
    entity: str, title: str, now: int | None
) -> None:
    item = pipedrive("change", entity, {"org_id": now}, {"org_id": 4})

    changed, gone = parsed(SourceKind.PIPEDRIVE, item)

    assert changed.get("account_external_id") == (now and "pipedrive:organization:6")
    assert gone == left(title, entity, account_external_id=ORGANIZATION)


@pytest.mark.parametrize(
    ("data", "before", "expected"),
    [
        ({"org_id": 4}, {"name": "An"}, []),
        ({"org_id": 4}, {"org_id": None}, []),
        ({"org_id": 4}, {"org_id": 4}, []),
        ({"org_id": 6, **custom("acme")}, {"org_id": 4}, []),
        ({"org_id": 4, **custom("acme")}, custom(None), []),
        ({"org_id": 4, **custom("new")}, custom("old"), [{"account_id": "old"}]),
        ({"org_id": 4, **custom(None)}, custom("old"), [{"account_id": "old"}]),
        ({**custom("new")}, custom("n/a"), []),
    ],
)
def test_a_person_leaves_only_the_account_that_it_was_in(
    data: dict[str, Any], before: dict[str, Any], expected: list[dict[str, str]]
) -> None:
    item = pipedrive("change", "person", data, before)

    _, *gone = parsed(SourceKind.PIPEDRIVE, item, account_id_property="abc")

    assert gone == [left("Contact", "person", **each) for each in expected]


def test_what_a_deleted_person_was_is_said_of_the_record_alone() -> None:
    before = {"name": "Ann", "emails": [{"value": "ann@acme.example", "primary": True}]}

    assert parsed(SourceKind.PIPEDRIVE, pipedrive("delete", "person", None, before)) == [
        {
            "type": "identify",
            "event": "Contact Deleted",
            "channel": "crm",
            "external_id": "pipedrive:person:9",
            "traits": {"name": "Ann"},
            "is_about_record": True,
        }
    ]


def test_the_deletion_of_a_persons_deal_is_an_event_of_the_person() -> None:
    (event,) = parsed(SourceKind.PIPEDRIVE, pipedrive("delete", "deal", None, {"person_id": 5}))

    assert event["external_id"] == "pipedrive:person:5"
    assert "is_about_record" not in event


def test_a_person_has_its_primary_address_and_the_others_as_names() -> None:
    listed = [
        {"value": "ann@home.example", "primary": False},
        {"value": "ann@acme.example", "primary": True},
        {"value": "no address", "primary": False},
        {"value": None},
        "ann@text.example",
        {"value": "ann@old.example"},
    ]

    [updated] = parsed(SourceKind.PIPEDRIVE, pipedrive("change", "person", data={"emails": listed}))
    [deleted] = parsed(
        SourceKind.PIPEDRIVE, pipedrive("delete", "person", data=None, previous={"emails": listed})
    )

    assert updated["email"] == "ann@acme.example"
    assert updated["previous_names"] == ["email:ann@home.example", "email:ann@old.example"]
    assert not {"email", "previous_names"} & deleted.keys()


@pytest.mark.parametrize(
    ("action", "now", "before", "account"),
    [
        ("change", custom(None), custom("acme"), "pipedrive:organization:9"),
        ("change", {"abc": ""}, {"abc": "acme"}, "pipedrive:organization:9"),
        ("change", custom("birke"), custom("acme"), "birke"),
        ("change", custom("acme"), {"name": "Acme"}, "acme"),
        # The field was empty before: it says nothing new.
        ("change", custom(None), {"name": "Acme"}, None),
        ("create", custom(None), None, None),
        ("delete", None, custom("acme"), None),
    ],
)
def test_an_organization_whose_account_id_was_cleared_is_an_account_of_its_own(
    action: str,
    now: dict[str, Any] | None,
    before: dict[str, Any] | None,
    account: str | None,
) -> None:
    item = pipedrive(action, "organization", now, before)

    [event] = parsed(SourceKind.PIPEDRIVE, item, account_id_property="abc")

    assert event["account_external_id"] == "pipedrive:organization:9"
    assert event.get("account_id") == account
