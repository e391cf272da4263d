from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.stager.identity.names import EventNames, Key, Link, event_names
from services.stager.identity.resolution import Resolution, missing_targets, names_in, resolve
from shared.contracts.names import is_person
from tests.support import touchpoints

START = datetime(2026, 1, 5, tzinfo=UTC)


def event(day: int, **fields: str) -> EventNames:
    return event_names(
        touchpoints.event("E", START + timedelta(days=day), message_id=f"m{day}", **fields)
    )


def resolution_of(*events: EventNames) -> Resolution:
    return resolve(events, dict.fromkeys(names_in(events)))


def ends(resolution: Resolution) -> dict[str, tuple[str, str]]:
    return {name: (link.person_id, link.subject_id) for (_, name), link in resolution.links.items()}


def test_a_name_leads_to_the_stronger_one_beside_it() -> None:
    resolution = resolution_of(
        event(0, anonymous_id="z", email=" Leah@X.io "), event(1, email="leah@x.io", user_id="l")
    )

    assert ends(resolution) == {
        "anonymous:z": ("user:l", "user:l"),
        "email:leah@x.io": ("user:l", "user:l"),
        "user:l": ("user:l", "user:l"),
    }


def test_the_first_link_by_event_order_wins_whenever_it_comes() -> None:
    early = event(1, anonymous_id="z", user_id="leah")
    late = event(2, anonymous_id="z", user_id="omar")

    for order in ((early, late), (late, early)):
        assert resolution_of(*order).links[1, "anonymous:z"].parent == "user:leah"


def test_a_person_is_at_home_in_the_first_account_of_any_of_its_names() -> None:
    resolution = resolution_of(
        event(3, user_id="leah", account_id="beta"),
        event(1, anonymous_id="z", account_id="acme"),
        event(2, anonymous_id="z", user_id="leah"),
    )

    assert ends(resolution) == {
        "anonymous:z": ("user:leah", "acme"),
        "user:leah": ("user:leah", "acme"),
    }


def test_an_event_is_about_its_own_account_before_the_home_before_the_person() -> None:
    explicit = event(2, user_id="leah", account_id="beta")
    silent = event(3, user_id="leah")
    alone = event(4, user_id="solo")
    impersonal = event(5, account_id="acme")
    resolution = resolution_of(
        event(1, user_id="leah", account_id="acme"), explicit, silent, alone, impersonal
    )

    assert resolution.owner(explicit) == ("user:leah", "beta")
    assert resolution.owner(silent) == ("user:leah", "acme")
    assert resolution.owner(alone) == ("user:solo", "user:solo")
    assert resolution.owner(impersonal) == (None, "acme")


def test_an_alias_names_who_the_person_was_before() -> None:
    assert ends(resolution_of(event(0, user_id="leah", previous_id="old"))) == {
        "anonymous:old": ("user:leah", "user:leah"),
        "user:leah": ("user:leah", "user:leah"),
    }


def test_a_former_anonymous_id_leads_to_whatever_the_event_goes_by() -> None:
    assert ends(resolution_of(event(0, anonymous_id="202", previous_id="201"))) == {
        "anonymous:201": ("anonymous:202", "anonymous:202"),
        "anonymous:202": ("anonymous:202", "anonymous:202"),
    }
    assert ends(
        resolution_of(
            event(0, anonymous_id="202", previous_id="201"), event(1, anonymous_id="202", email="e")
        )
    ) == {
        "anonymous:201": ("email:e", "email:e"),
        "anonymous:202": ("email:e", "email:e"),
        "email:e": ("email:e", "email:e"),
    }


def test_a_stronger_name_beats_an_equal_one_whenever_it_comes() -> None:
    resolution = resolution_of(
        event(0, anonymous_id="b", previous_id="a"), event(1, anonymous_id="a", user_id="u")
    )

    assert resolution.links[1, "anonymous:a"].parent == "user:u"
    assert resolution.links[1, "anonymous:b"].person_id == "anonymous:b"


def test_the_newest_link_of_a_cycle_does_not_count() -> None:
    cycle = [
        event(0, anonymous_id="b", previous_id="a"),
        event(1, anonymous_id="c", previous_id="b"),
        event(2, anonymous_id="a", previous_id="c", account_id="acme"),
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        resolution = resolution_of(*(cycle[place] for place in order))

        assert {link.person_id for link in resolution.links.values()} == {"anonymous:c"}
        assert {link.subject_id for link in resolution.links.values()} == {"acme"}
        # The row of `c` holds its link, so its home has to be computed from its events.
        assert resolution.lost_members == {(1, "anonymous:c")}


def merge(day: int, survivor: str, loser: str) -> EventNames:
    return event(
        day, type="merge", account_id=survivor, previous_account_id=loser, user_id="reporter"
    )


def test_accounts_lead_to_the_one_that_absorbed_all_others() -> None:
    seen = event(0, user_id="leah", account_id="a")
    resolution = resolution_of(seen, merge(3, "c", "b"), merge(1, "b", "a"), merge(2, "x", "a"))

    assert resolution.accounts == {(1, "a"): "c", (1, "b"): "c"}
    assert resolution.owner(seen) == ("user:leah", "c")
    assert resolution.links[1, "user:leah"].parent == "a"
    assert (1, "user:reporter") not in resolution.links
    assert resolution.moved == {(1, "a"), (1, "b")}


def test_a_person_is_erased_with_all_names_that_lead_to_it() -> None:
    events = [
        event(0, anonymous_id="z", user_id="leah"),
        event(1, anonymous_id="z", user_id="omar"),
        event(2, email="e", user_id="leah"),
    ]
    resolution = resolve(events, dict.fromkeys(names_in(events)), to_erase={(1, "email:e")})

    assert resolution.erased_names == {(1, "anonymous:z"), (1, "email:e"), (1, "user:leah")}


def test_a_batch_without_new_links_changes_nothing() -> None:
    first = resolution_of(event(0, user_id="leah", account_id="acme"))
    stored: dict[Key, Link | None] = {**first.links}

    again = resolve([event(1, user_id="leah", account_id="acme")], stored)

    assert (again.changes, again.moved, again.depends_on) == ({}, set(), set())


def test_a_name_that_moves_asks_for_the_names_below_it() -> None:
    first = resolution_of(event(1, email="e", anonymous_id="z"))
    stored: dict[Key, Link | None] = {
        (1, "email:e"): first.links[1, "email:e"],
        (1, "user:u"): None,
    }

    resolution = resolve([event(2, email="e", user_id="u")], stored)

    assert resolution.moved == {(1, "email:e")}
    assert resolution.unread == {(1, "email:e")}


def test_what_a_known_name_leads_through_is_read_before_planning() -> None:
    link = Link("email:e", START, "m", "user:u", "user:u")

    assert missing_targets({(1, "anonymous:z"): link}) == {(1, "email:e"), (1, "user:u")}


names = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.sampled_from(["u1", "u2"]),
        "email": st.sampled_from(["e1", "e2"]),
        "anonymous_id": st.sampled_from(["z1", "z2", "z3"]),
        "previous_id": st.sampled_from(["z1", "z2", "z3"]),
        "account_id": st.sampled_from(["acme", "beta"]),
    },
).filter(lambda fields: bool(fields.keys() - {"previous_id"}))
merges = st.fixed_dictionaries(
    {
        "type": st.just("merge"),
        "account_id": st.sampled_from(["acme", "beta", "gamma"]),
        "previous_account_id": st.sampled_from(["acme", "beta", "gamma"]),
    }
)


@settings(max_examples=150)
@given(st.lists(names | merges, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_outcome_is_a_function_of_the_set_of_events(
    stories: list[dict[str, str]], random: Random
) -> None:
    events = [event(day, **fields) for day, fields in enumerate(stories)]
    shuffled = [*events, *events[:3]]
    random.shuffle(shuffled)

    resolution = resolution_of(*shuffled)
    assert resolution.links == resolution_of(*events).links
    assert resolution.accounts == resolution_of(*events).accounts


@settings(max_examples=150)
@given(st.lists(names | merges, min_size=1, max_size=12))
def test_every_chain_ends_where_all_names_of_a_person_end(stories: list[dict[str, str]]) -> None:
    links = resolution_of(*(event(day, **fields) for day, fields in enumerate(stories))).links

    for (workspace, name), link in links.items():
        if not is_person(name):
            assert link.subject_id not in {other for _, other in links} or (
                links[workspace, link.subject_id].subject_id == link.subject_id
            )
            continue
        root = links[workspace, link.person_id]
        assert (root.person_id, root.subject_id) == (link.person_id, link.subject_id)
        if name != link.person_id:
            assert link.parent is not None
            assert links[workspace, link.parent].person_id == link.person_id
