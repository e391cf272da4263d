"""What `stageline identity` shows of the api's answers: those of the published document."""

from services.api.schemas.identity.people import CONFLICT_EXAMPLE, PERSON_EXAMPLE
from services.cli.identity.shown import CONFLICT_COLUMNS, conflict_row, person_fields


def test_a_person_has_a_line_for_each_thing() -> None:
    fields = [(name, text.plain) for name, text in person_fields(PERSON_EXAMPLE)]

    assert fields == [
        ("person", "user:u-17"),
        ("account", "acme"),
        (
            "name",
            "email:leah@acme.example, in one event with user:u-17 since 2026-03-02 09:30",
        ),
        (
            "name",
            (
                "external:hubspot:contact:8301, merged with user:u-17 since 2026-03-04 16:12"
                " by crm team (key 0123456789ab): same person, by phone"
            ),
        ),
        ("name", "user:u-17"),
        ("device", "anonymous:7f3a, since 2026-03-02 09:30 until 2026-03-09 10:00"),
        ("in account", "acme, since 2026-03-02 09:30"),
        (
            "conflict",
            (
                "user:u-18 and email:leah@acme.example are not joined: limit: one person would"
                " have too many user ids, or records of a kind"
            ),
        ),
        ("ignored", "anonymous_id `undefined` of 2026-03-03 11:00"),
    ]


def test_a_shared_name_says_so() -> None:
    fields = [text.plain for _, text in person_fields({**PERSON_EXAMPLE, "is_shared": True})]

    assert "shared by many people: it joins no further names" in fields


def test_a_conflict_has_a_row() -> None:
    row = [cell.plain for cell in conflict_row(CONFLICT_EXAMPLE)]

    assert len(row) == len(CONFLICT_COLUMNS)
    assert row == [
        "user:u-18",
        "user:u-18",
        "email:leah@acme.example",
        "user:u-17",
        "2026-03-05 08:00",
        "signup-118",
        "limit",
    ]


def test_control_characters_of_senders_do_not_reach_the_terminal() -> None:
    ignored = {**PERSON_EXAMPLE["ignored"][0], "value": "\x1b[31mnull"}

    shown = [text.plain for _, text in person_fields({**PERSON_EXAMPLE, "ignored": [ignored]})]

    assert not any("\x1b" in line for line in shown)
