"""Which statement brought a name, and why one joined nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from services.api.identity.statements import (
    Kind,
    Reason,
    Statement,
    is_shared,
    origins,
    reason,
)
from shared.contracts.identity_limits import DEFAULT_LIMITS as LIMITS
from shared.contracts.identity_limits import IdentityLimits, kinds_of

_START = datetime(2026, 3, 1, tzinfo=UTC)
USER, RECORD = "user:u-17", "external:hubspot:contact:8301"
OLD, NEW = "email:lea@acme.example", "email:leah@acme.example"


def said(kind: Kind, name: str, other: str, day: int) -> Statement:
    return Statement(
        kind=kind,
        name=name,
        other=other,
        occurred_at=_START + timedelta(days=day),
        message_id=f"m-{day}",
    )


def test_each_name_was_brought_by_the_first_statement_that_joined_it() -> None:
    first = said("together", USER, NEW, 1)
    second = said("together", RECORD, NEW, 2)
    again = said("together", USER, RECORD, 3)

    brought = origins(USER, [USER, RECORD, NEW], [again, second, first])

    assert brought == {NEW: first, RECORD: second}


def test_explicit_statements_join_before_the_others() -> None:
    together = said("together", USER, NEW, 1)
    explicit = said("explicit", USER, NEW, 5)

    assert origins(USER, [USER, NEW], [together, explicit]) == {NEW: explicit}


def test_a_merge_that_was_withdrawn_and_said_again_counts_from_then() -> None:
    statements = [
        said("explicit", USER, NEW, 1),
        said("unmerge", NEW, USER, 2),
        said("explicit", NEW, USER, 3),
    ]

    assert origins(USER, [USER, NEW], statements) == {NEW: statements[2]}


def test_an_address_was_corrected_on_a_device() -> None:
    before = said("device", OLD, "anonymous:d", 1)
    after = said("device", NEW, "anonymous:d", 2)

    assert origins(OLD, [OLD, NEW], [before, after]) == {NEW: after}
    assert origins(NEW, [OLD, NEW], [before, after]) == {OLD: before}


def test_statements_about_other_names_bring_nothing() -> None:
    assert origins(USER, [USER], [said("together", USER, NEW, 1)]) == {}
    assert origins(USER, [USER, NEW], []) == {}


@pytest.mark.parametrize(
    ("statement", "names", "other_names", "is_unmerged", "wanted"),
    [
        (said("together", USER, NEW, 1), [USER], ["user:b"], True, "unmerged"),
        (said("explicit", USER, NEW, 1), [USER], ["user:b"], False, "unmerged"),
        (said("together", USER, NEW, 1), [USER], ["user:b", RECORD], False, "limit"),
        (said("together", USER, NEW, 1), [USER], [RECORD], False, "shared"),
        (said("together", OLD, NEW, 1), [OLD], [NEW], False, "shared"),
    ],
)
def test_the_reason_of_a_conflict(
    statement: Statement,
    names: list[str],
    other_names: list[str],
    is_unmerged: bool,  # noqa: FBT001 - of the table
    wanted: Reason,
) -> None:
    kinds, other_kinds = kinds_of(names), kinds_of(other_names)

    assert reason(statement, kinds, other_kinds, LIMITS, is_unmerged=is_unmerged) == wanted


def test_the_reason_goes_by_the_limits_in_force() -> None:
    statement = said("together", OLD, NEW, 1)
    one, two = kinds_of([USER, OLD]), kinds_of(["user:b", NEW])

    def why(limits: IdentityLimits) -> Reason:
        return reason(statement, one, two, limits, is_unmerged=False)

    assert why(LIMITS) == "limit"
    assert why(IdentityLimits(user_ids=2)) == "shared"
    assert why(IdentityLimits(user_ids=2, addresses=1)) == "limit"


def test_a_name_is_shared_beside_more_than_200_others() -> None:
    beside = [said("together", f"user:u-{number}", NEW, number) for number in range(201)]

    assert is_shared([NEW], beside, LIMITS)
    assert not is_shared([NEW], beside[:200], LIMITS)
    # The same pair in a statement of another kind is no further name.
    assert not is_shared([NEW], [*beside[:200], said("explicit", "user:u-1", NEW, 300)], LIMITS)
    assert not is_shared(["user:u-1"], beside, LIMITS)
    assert not is_shared([NEW], beside, IdentityLimits(names=201))
    assert is_shared([NEW], beside[:3], IdentityLimits(names=2))


def test_devices_make_no_person_shared() -> None:
    uses = [said("device", USER, f"anonymous:d-{number}", number) for number in range(300)]

    devices = [f"anonymous:d-{number}" for number in range(300)]
    assert not is_shared([USER, *devices], uses, LIMITS)
