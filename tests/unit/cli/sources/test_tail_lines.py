"""Which events `stageline tail` shows, when, and that none is shown twice."""

from typing import Any

import pytest

from services.cli.sources.tail_lines import Follower, is_error, line


def event(number: int, state: str | None = "applied", **more: Any) -> dict[str, Any]:
    became: dict[str, Any] = {
        "subject_id": "acme",
        "reason": None,
        "detail": None,
        "transitions": [],
    }
    return {
        "id": number,
        "received_at": "2026-03-02T09:30:00.980000Z",
        "route": "/v1/touchpoints",
        "outcome": "accepted",
        "code": None,
        "detail": None,
        "event": "Demo Requested",
        "person": "user:leah",
        "account_id": "acme",
        "became": None if state is None else became | {"state": state},
    } | more


def shown(follower: Follower, *newest_first: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["id"], each["became"]["state"]) for each in follower.new_events(newest_first)]


def begun() -> Follower:
    follower = Follower()
    follower.begin(after=0)
    return follower


def test_events_are_shown_oldest_first_and_once() -> None:
    follower = begun()

    assert shown(follower, event(3), event(2)) == [(2, "applied"), (3, "applied")]
    assert shown(follower, event(4), event(3), event(2)) == [(4, "applied")]


def test_an_event_with_a_result_at_once_is_shown_once() -> None:
    follower = begun()

    assert shown(follower, event(1, "pending")) == []
    assert shown(follower, event(1)) == [(1, "applied")]
    assert shown(follower, event(1)) == []


def test_a_slow_event_is_shown_as_pending_and_again_with_its_result() -> None:
    follower = begun()
    looks = [shown(follower, event(1, "pending")) for _ in range(4)]

    assert looks == [[], [(1, "pending")], [], []]
    assert shown(follower, event(1, "dead_letter")) == [(1, "dead_letter")]


def test_a_lower_id_that_appears_late_is_shown() -> None:
    follower = begun()
    shown(follower, event(100))

    assert follower.after == 50
    assert shown(follower, event(100), event(99)) == [(99, "applied")]


def test_what_is_pending_is_asked_for_until_it_settles_or_is_gone() -> None:
    follower = begun()
    shown(follower, event(300), event(2, "pending"))
    still = follower.after
    shown(follower, event(301), event(300))

    assert (still, follower.after) == (1, 251)


def test_events_from_before_the_start_are_not_shown() -> None:
    follower = Follower()
    follower.begin(after=7)

    assert follower.after == 7
    assert shown(follower, event(8), event(7), event(6)) == [(8, "applied")]


def test_memory_is_bounded_by_what_is_looked_at_again() -> None:
    follower = begun()
    for number in range(1, 2_000):
        shown(follower, event(number))

    assert len(follower._shown) <= 50


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            event(1),
            "2026-03-02 09:30:00.980Z /v1/touchpoints Demo Requested user:leah acme  applied",
        ),
        (event(1, "duplicate"), "acme  duplicate"),
        (
            event(1, None, outcome="refused", code="no_json", detail="Send JSON.", event=None),
            "- user:leah acme  refused no_json: Send JSON.",
        ),
        (event(1, None, outcome="dropped", code="no_consent"), "  dropped no_consent"),
    ],
)
def test_a_line_says_when_what_who_and_what_became_of_it(seen: dict[str, Any], said: str) -> None:
    assert line(seen, None).plain.endswith(said)


def test_a_line_tells_where_an_event_counts_and_what_it_moved() -> None:
    seen = event(1, account_id=None)
    seen["became"]["transitions"] = [
        {"journey": "sales", "from_stage": "research", "to_stage": "evaluation", "outcome": None},
        {"journey": "shop", "from_stage": None, "to_stage": "cart", "outcome": None},
        {"journey": "trial", "from_stage": "started", "to_stage": None, "outcome": "won"},
    ]

    assert line(seen, "website").plain.endswith(
        "applied to acme, sales: research -> evaluation, shop: cart, trial: started -> won"
    )
    assert " website /v1/touchpoints " in line(seen, "website").plain


def test_nothing_that_was_sent_steers_the_terminal() -> None:
    shown = line(event(1, event="\x1b[31mA\nB\u202e", person="\x07", account_id="[red]"), "\x1b")

    assert shown.plain.isprintable()
    assert "[red]" in shown.plain


def test_errors_are_refusals_and_dead_letters() -> None:
    refused = event(1, None, outcome="refused")
    dropped = event(1, None, outcome="dropped")

    assert [is_error(each) for each in (refused, event(1, "dead_letter"))] == [True, True]
    assert [is_error(each) for each in (dropped, event(1), event(1, "pending"))] == [False] * 3


def test_a_duplicate_with_other_content_is_an_error_and_says_so() -> None:
    plain, other = event(1, "duplicate"), event(2, "duplicate")
    other["became"]["reason"] = "other_content"

    assert [is_error(each) for each in (plain, other)] == [False, True]
    assert line(plain, None).plain.endswith("acme  duplicate")
    assert line(other, None).plain.endswith("acme  duplicate with other content")


def test_a_misspelt_event_is_pointed_out() -> None:
    text = line(event(1, event="Demo Requestd", meant="Demo Requested"), None).plain

    assert text.endswith("applied  no map knows this event; did you mean: Demo Requested?")
    assert "did you mean" not in line(event(1, meant=None), None).plain


def test_an_accepted_event_shows_which_ids_were_left_out() -> None:
    detail = "user_id `undefined` left out: names nobody"

    shown_line = line(event(1, code="ignored_ids", detail=detail), None)

    assert detail in shown_line.plain
    assert not is_error(event(1, code="ignored_ids", detail=detail))
