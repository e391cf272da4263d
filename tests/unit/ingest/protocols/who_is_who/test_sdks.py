"""Segment's and PostHog's calls: aliases, group calls, devices, ids that are addresses or junk."""

import pytest

from tests.unit.ingest.protocols.who_is_who.stories import Story

UUID = "01a20393-ea82-77a0-a8aa-3550a7d5018a"
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "former",
    [
        {"user_id": "old-5"},
        {"user_id": "old@x.example"},
        {"traits": {"email": "old@x.example"}, "anonymous_id": "d-1"},
        {"anonymous_id": "old-5"},
    ],
    ids=["user", "address as user", "address", "device"],
)
def test_segments_alias_joins_a_former_name_of_any_kind(former: dict[str, str]) -> None:
    story = Story()
    previous = former.get("user_id") or (
        "old@x.example" if "traits" in former else former["anonymous_id"]
    )
    story.segment(
        1, "identify", context={"groupId": "rename-co"}, **{"traits": {}, **former}
    )  # fmt: skip
    story.segment(2, "alias", user_id="new-5", previous_id=previous)
    story.segment(3, "track", event="Subscription Started", user_id="new-5")

    assert story.subjects("Subscription Started") == ["rename-co"]


def test_posthogs_alias_joins_a_random_id_and_a_merge_two_known_ones() -> None:
    story = Story()
    story.posthog(1, "Page Opened", UUID, _groups={"company": "alias-co"})
    story.posthog(2, "$create_alias", UUID, alias="mika")
    story.posthog(3, "Trial Started", "mika")
    story.posthog(4, "$merge_dangerously", "mika", alias="mika-2")
    story.posthog(5, "Order Completed", "mika-2")

    (names,) = story.people()
    assert names >= {"user:mika", "user:mika-2", f"user:{UUID}"}
    assert story.subjects("Trial Started") == ["alias-co"]
    assert story.subjects("Order Completed") == ["alias-co"]


def test_a_group_call_moves_what_its_person_does_from_then_on() -> None:
    story = Story()
    story.segment(1, "group", user_id="mover", group_id="first-gmbh")
    story.segment(2, "track", event="Demo Requested", user_id="mover")
    story.segment(3, "group", user_id="mover", group_id="second-gmbh")
    story.segment(4, "track", event="Subscription Started", user_id="mover")

    assert story.subjects("Demo Requested") == ["first-gmbh"]
    assert story.subjects("Subscription Started") == ["second-gmbh"]


def test_a_device_is_whose_it_was_at_the_time_for_both_sdks() -> None:
    story = Story()
    story.segment(1, "identify", user_id="amy", anonymous_id="d", context={"groupId": "alpha"})
    story.segment(2, "track", event="Pricing Viewed", anonymous_id="d")
    story.posthog(3, "$identify", "ben", _anon_distinct_id="d", _groups={"company": "beta"})
    story.segment(4, "track", event="Pricing Viewed", anonymous_id="d")

    assert story.people() == []
    assert story.subjects("Pricing Viewed") == ["alpha", "beta"]


def test_an_address_is_one_person_whatever_field_of_whatever_sdk_holds_it() -> None:
    story = Story()
    story.posthog(1, "Page Opened", "Wanda@Seehof.example")
    story.segment(2, "track", event="Page Opened", user_id="wanda@seehof.example")
    story.native(3, "Page Opened", email="wanda@seehof.example", account_id="seehof")

    assert set(story.subjects("Page Opened")) == {"seehof"}


@pytest.mark.parametrize("device", [NIL, "server"])
def test_a_device_beside_two_users_joins_neither_them_nor_their_accounts(device: str) -> None:
    story = Story()
    for minute, (user, group) in enumerate((("amy", "alpha"), ("ben", "beta")), 1):
        story.segment(
            minute, "track", event="Page Opened", user_id=user, anonymous_id=device,
            context={"groupId": group},
        )  # fmt: skip

    assert story.people() == []
    assert story.subjects("Page Opened") == ["alpha", "beta"]
