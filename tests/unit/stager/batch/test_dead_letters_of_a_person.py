"""Which dead letters an erasure takes with it: those that name the person, in whatever field."""

from typing import Any

import msgspec
import pytest

from services.stager.batch.steps.erase_people import concerns

OURS = 1
NAMES = ("user:ann", "external:hubspot:contact:8301")


def is_of_ann(owner: int = OURS, **content: Any) -> bool:
    return concerns(msgspec.json.encode(content), OURS, owner, NAMES)


@pytest.mark.parametrize(
    "content",
    [
        {"user_id": "ann"},
        {"previous_id": "ann"},
        {"external_id": "hubspot:contact:8301"},
        {"user_id": "bob", "previous_names": ["user:ann"]},
        {"user_id": "bob", "previous_names": [5, "external:hubspot:contact:8301"]},
    ],
)
def test_a_dead_letter_that_names_the_person_goes(content: dict[str, Any]) -> None:
    assert is_of_ann(**content)


@pytest.mark.parametrize(
    "content",
    [
        {"user_id": "bob", "previous_names": ["user:anna", "email:ann"]},
        {"user_id": "bob", "previous_names": "user:ann"},
        {"user_id": "bob", "previous_names": None},
        {"account_id": "ann"},
    ],
)
def test_any_other_dead_letter_stays(content: dict[str, Any]) -> None:
    assert not is_of_ann(**content)


def test_a_dead_letter_of_another_workspace_stays() -> None:
    assert not is_of_ann(owner=2, user_id="ann", previous_names=["user:ann"])
