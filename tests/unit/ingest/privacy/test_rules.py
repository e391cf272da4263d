"""Which events pass the door: what browsers may not say, who is left alone, who has agreed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.events.verdicts import Dropped, DropReason, RefusalCode, Refused
from services.ingest.privacy.rules import EventRules, event_rules
from shared.contracts.envelope import Envelope
from shared.keys.token import KeyKind
from shared.sources.hashing import hashed, person_digest
from shared.sources.source import ConsentRule, SourceSettings, WorkspaceRules
from tests.support.touchpoints import event

KEY = b"of the workspace"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DROPPED = Dropped(DropReason.SUPPRESSED)
NO_CONSENT = Dropped(DropReason.NO_CONSENT)


def made(
    *suppressed: str,
    settings: SourceSettings | None = None,
    kind: KeyKind = KeyKind.WRITE,
    server_only: frozenset[str] = frozenset(),
) -> EventRules:
    rules = WorkspaceRules(hash_key=KEY, server_only=server_only)
    digests = {person_digest(name, key=KEY) for name in suppressed}
    return event_rules(kind, settings or SourceSettings(), rules, digests)


# -- events of servers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "passes"),
    [
        (KeyKind.WRITE, "Order Completed", False),
        (KeyKind.SECRET, "Order Completed", True),
        (KeyKind.WRITE, "order completed", True),  # to the maps another event
        (KeyKind.WRITE, "Order Viewed", True),
    ],
)
def test_an_event_of_servers_does_not_come_by_a_write_key(
    kind: KeyKind, name: str, *, passes: bool
) -> None:
    verdict = made(kind=kind, server_only=frozenset({"Order Completed"})).apply(
        event(event=name, user_id="u")
    )

    assert (not isinstance(verdict, Refused)) is passes
    if isinstance(verdict, Refused):
        assert verdict.code is RefusalCode.SERVER_ONLY_EVENT


def test_what_no_mapping_knows_yet_is_looked_through_where_a_sender_has_no_rules_either() -> None:
    envelope = event(type="unmapped", properties={"req": {"ip": "203.0.113.9"}})

    verdict = event_rules(
        KeyKind.SECRET, SourceSettings(), WorkspaceRules(hash_key=KEY), set()
    ).apply(envelope)

    assert isinstance(verdict, Envelope)
    assert verdict.properties == {"req": {"ip": "203.0.113.0"}}


# -- people who are left alone ---------------------------------------------------------------------

ANN_HASHED = hashed("ann@acme.example", KEY)
U_HASHED = hashed("u-17", KEY)


@pytest.mark.parametrize(
    ("suppressed", "fields"),
    [
        ("user:u-17", {"user_id": "u-17"}),
        ("user:u-17", {"user_id": "u-17", "email": "other@acme.example", "account_id": "acme"}),
        ("email:ann@acme.example", {"email": "Ann@ACME.example"}),
        ("email:ann@acme.example", {"user_id": "u", "email": "ann@acme.example"}),
        ("email:ann@acme.example", {"user_id": "Ann@acme.example"}),
        ("email:ann@acme.example", {"anonymous_id": "ann@acme.example"}),
        ("email:ann@acme.example", {"user_id": "u", "traits": {"email": " Ann@acme.example"}}),
        ("email:ann@acme.example", {"user_id": "u", "previous_id": "ann@acme.example"}),
        ("email:ann@acme.example", {"account_id": "Ann@acme.example"}),
        (
            "email:ann@acme.example",
            {"account_id": "b", "previous_account_id": "ann@acme.example", "type": "merge"},
        ),
        (
            "email:ann@acme.example",
            {"user_id": "u", "context": {"traits": {"email": "Ann@acme.example"}}},
        ),
        (
            "email:ann@acme.example",
            {"type": "unmapped", "properties": {"who": [{"note": "of <Ann@acme.example>"}]}},
        ),
        (f"email:{ANN_HASHED}", {"account_id": ANN_HASHED}),
        ("anonymous:a-1", {"anonymous_id": "a-1"}),
        ("anonymous:a-1", {"user_id": "u", "anonymous_id": "a-1"}),
        ("anonymous:a-1", {"user_id": "u", "previous_id": "a-1", "type": "alias"}),
        ("user:u-17", {"user_id": "new", "previous_id": "u-17", "type": "alias"}),
        ("anonymous:hubspot:contact:201", {"anonymous_id": "hubspot:contact:201"}),
        # Suppressed openly, sent hashed; suppressed as a pseudonym, sent openly; both hashed.
        ("email:ann@acme.example", {"email": ANN_HASHED}),
        (f"email:{ANN_HASHED}", {"email": "ann@acme.example"}),
        (f"email:{ANN_HASHED}", {"email": ANN_HASHED}),
        (f"email:{ANN_HASHED}", {"user_id": ANN_HASHED}),
        ("user:u-17", {"user_id": U_HASHED}),
        (f"user:{U_HASHED}", {"user_id": "u-17"}),
    ],
)
@pytest.mark.parametrize("hash_fields", [(), ("email", "user_id", "anonymous_id")])
def test_a_suppressed_person_is_dropped_under_any_name(
    suppressed: str, fields: dict[str, Any], hash_fields: tuple[str, ...]
) -> None:
    the_door = made(suppressed, settings=SourceSettings(hash_fields=hash_fields))

    assert the_door.apply(event(**fields)) == DROPPED


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "U-17"},
        {"user_id": "u-170"},
        {"anonymous_id": "u-17"},
        {"account_id": "u-17"},
        {"user_id": "u", "properties": {"user_id": "u-17"}},
        {"user_id": "u", "traits": {"email": " "}},
        {"user_id": "u", "context": {"traits": "ann@acme.example"}},
        {"user_id": "u", "properties": {"invited": "ann@acme.example"}},
        {"type": "unmapped", "properties": {"who": "joann@acme.example"}},
        {"user_id": "u", "traits": {"email": ["ann@acme.example"]}},
    ],
)
def test_no_other_person_is_dropped(fields: dict[str, Any]) -> None:
    envelope = event(**fields)

    assert made("user:u-17", "email:ann@acme.example").apply(envelope) == envelope


def test_a_person_is_judged_again_however_often_others_were_let_through() -> None:
    the_door = made("user:u-17")

    verdicts = [the_door.apply(event(user_id=who)) for who in ("u", "u-17", "u", "u-17")]

    assert [verdict == DROPPED for verdict in verdicts] == [False, True, False, True]


def test_an_erasure_passes_whatever_else_may_not() -> None:
    the_door = made(
        "user:u-17",
        settings=SourceSettings(consent=ConsentRule(required=("analytics",))),
        server_only=frozenset({"Person Erased"}),
    )
    erasure = event(type="erase", event="Person Erased", user_id="u-17")

    assert the_door.apply(erasure) == erasure


def test_an_erasure_names_people_as_the_events_of_its_source_did() -> None:
    the_door = made(settings=SourceSettings(hash_fields=("email",)))

    erasure = the_door.apply(event(type="erase", email="ann@acme.example"))

    assert isinstance(erasure, Envelope)
    assert erasure.email == ANN_HASHED


# -- consent ---------------------------------------------------------------------------------------


def agreed(**categories: object) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": categories}}


ONE, TWO = ("analytics",), ("analytics", "ads")


@pytest.mark.parametrize(
    ("required", "context", "passes"),
    [
        (ONE, agreed(analytics=True), True),
        (ONE, agreed(analytics=True, ads=False), True),
        (TWO, agreed(analytics=True, ads=True), True),
        (TWO, agreed(analytics=True, ads=False), False),
        (TWO, agreed(analytics=True), False),
        (ONE, agreed(analytics=False), False),
        (ONE, agreed(), False),
        (ONE, agreed(analytics="true"), False),
        (ONE, agreed(analytics=1), False),
        (ONE, agreed(Analytics=True), False),
        (ONE, {"consent": "yes"}, False),
        (ONE, {"consent": {"categoryPreferences": ["analytics"]}}, False),
        (ONE, {"consent": {}}, False),
        ((), agreed(), True),
    ],
)
@pytest.mark.parametrize("when_missing", ["accept", "drop"])
def test_an_event_passes_with_all_the_consent_that_its_source_asks_for(
    required: tuple[str, ...], context: dict[str, Any], when_missing: Any, *, passes: bool
) -> None:
    rule = ConsentRule(required=required, when_missing=when_missing)
    envelope = event(user_id="u", context=context)

    verdict = made(settings=SourceSettings(consent=rule)).apply(envelope)

    assert verdict == (envelope if passes else NO_CONSENT)


@pytest.mark.parametrize(("when_missing", "passes"), [("accept", True), ("drop", False)])
@pytest.mark.parametrize("context", [{}, {"consent": None}])
def test_an_event_that_says_nothing_of_consent_is_judged_by_the_rule(
    when_missing: Any, context: dict[str, Any], *, passes: bool
) -> None:
    rule = ConsentRule(required=ONE, when_missing=when_missing)
    envelope = event(user_id="u", context=context)

    verdict = made(settings=SourceSettings(consent=rule)).apply(envelope)

    assert verdict == (envelope if passes else NO_CONSENT)


def test_consent_is_read_before_anything_is_left_out() -> None:
    settings = SourceSettings(consent=ConsentRule(required=ONE), allow_properties=("properties",))

    verdict = made(settings=settings).apply(event(user_id="u", context=agreed(analytics=True)))

    assert isinstance(verdict, Envelope)
    assert verdict.context == {}
