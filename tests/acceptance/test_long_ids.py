"""Case E2: an id that ingest takes fits everywhere it is stored; a longer one is refused at the door."""

from random import Random

import pytest

from shared.contracts.envelope import MAX_ID_BYTES
from tests.acceptance.conftest import START
from tests.acceptance.stories import event
from tests.support.services import Stack

_CHARACTERS = {"CJK": (0x4E00, 0x9FA5), "Cyrillic": (0x0430, 0x044F), "emoji": (0x1F300, 0x1F5FF)}


def long_id(seed: int, script: str) -> str:
    """An id of at most `MAX_ID_BYTES` that no compression makes shorter."""
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    first, last = _CHARACTERS[script]
    size = len(chr(first).encode())
    return "".join(chr(random.randint(first, last)) for _ in range(min(512, MAX_ID_BYTES // size)))


@pytest.mark.parametrize("script", _CHARACTERS)
async def test_names_of_full_length_are_applied_together(stack: Stack, script: str) -> None:
    names = {
        "account_id": long_id(1, script),
        "user_id": long_id(2, script),
        "anonymous_id": long_id(3, script),
        "external_id": long_id(4, script),
        "account_external_id": long_id(5, script),
    }
    await stack.post(
        [
            event("Signed Up", START, "m-1", **names),
            event("Guide Read", START, "m-2", anonymous_id=names["anonymous_id"]),
            event("Moved", START, "m-3", user_id=names["user_id"], account_id=long_id(6, script)),
            event("Renamed", START, "m-4", user_id=names["user_id"], email="a@b.example"),
        ]
    )
    joined = await stack.read.post(
        f"/v1/people/user:{names['user_id']}:merge",
        json={"with": f"user:{long_id(7, script)}", "reason": "the same person"},
    )
    await stack.settled()

    assert joined.status_code == 202, joined.text
    report = await stack.verified()
    assert (report.problems, report.dead_letters) == ([], 0)
    assert len(await stack.timeline(names["account_id"])) >= 2


@pytest.mark.parametrize(
    "field", ["account_id", "user_id", "anonymous_id", "external_id", "account_external_id"]
)
async def test_a_longer_name_is_refused_and_does_not_stop_the_stager(
    stack: Stack, field: str
) -> None:
    too_long = long_id(1, "CJK") + "山"
    events = [
        event("Noise", START, f"m-{number}", **{field: too_long + str(number)})
        for number in range(250)
    ]
    answer = await stack.write.post("/v1/touchpoints", json=events)
    segment = await stack.write.post(
        "/v1/batch",
        json={"batch": [{"type": "track", "event": "Noise", "userId": too_long, "messageId": "s"}]},
    )
    await stack.post([event("Guide Read", START, "m-x", account_id="acme")])

    assert answer.status_code == 422, answer.text
    assert f"{MAX_ID_BYTES} bytes" in answer.text
    assert segment.status_code == 200
    assert [each["message_id"] for each in await stack.timeline("acme")] == ["m-x"]
    assert (await stack.verified()).dead_letters == 0
