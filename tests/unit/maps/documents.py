"""Random maps as plain data, in short and long forms, with every kind of part."""

from typing import Any

from hypothesis import strategies as st

STAGES = ["one", "two", "three"]
MILESTONES = ["m", "n"]

durations = st.builds(
    lambda number, unit: f"{number}{unit}",
    st.integers(1, 99),
    st.sampled_from(["s", "m", "h", "d", "w", "mo", "y"]),
)
words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
scalars = st.one_of(
    words, st.booleans(), st.integers(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False)
)
paths = st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4}){0,2}", fullmatch=True)
comparisons = st.fixed_dictionaries(
    {"ne": scalars},
    optional={
        "eq": scalars,
        "in": st.lists(scalars, min_size=1, max_size=3),
        "exists": st.booleans(),
        "gte": st.one_of(words, st.integers(-1000, 1000)),
        "contains": scalars,
        "starts_with": words,
    },
)
wheres = st.dictionaries(
    paths, st.one_of(scalars, st.lists(scalars, min_size=1, max_size=3), comparisons), max_size=3
)
events = st.one_of(words, st.lists(words, min_size=1, max_size=3))
since = st.sampled_from(["visit", "cycle", "ever"])


def optional(**parts: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return parts


single = st.one_of(
    st.fixed_dictionaries(
        {"event": events},
        optional=optional(where=wheres, count=st.integers(1, 9), within=durations, since=since),
    ),
    st.fixed_dictionaries(
        {
            "never": st.fixed_dictionaries(
                {"event": events}, optional=optional(where=wheres, within=durations, since=since)
            )
        }
    ),
    st.builds(
        lambda of, name, compared: {"trait": {"of": of, "name": name, **compared}},
        st.sampled_from(["account", "person"]),
        paths,
        comparisons,
    ),
    st.builds(lambda span: {"idle": span}, durations),
    st.builds(lambda span: {"in_stage": span}, durations),
    st.builds(
        lambda stage, span: {"in_stage": {"stage": stage, "for": span}},
        st.sampled_from(STAGES),
        durations,
    ),
)
with_milestones = st.one_of(
    single, st.builds(lambda key: {"milestone": key}, st.sampled_from(MILESTONES))
)


def combined(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=4,
    )


rules = combined(with_milestones)
metrics = st.fixed_dictionaries(
    {"name": words, "measure": st.sampled_from(["reached", "count", "ratio", "duration", "sum"])},
    optional={
        "event": events,
        "from": st.sampled_from([{"stage": "one"}, {"milestone": "m"}, {"event": "X"}]),
        "leads_to": st.sampled_from(MILESTONES),
        "unit": st.sampled_from(["percent", "days"]),
    },
)
kpis = st.fixed_dictionaries(
    {"name": words},
    optional=optional(
        target=st.one_of(st.integers(-9, 9), st.floats(-9, 9)), current=st.integers(-9, 9)
    ),
)
touchpoints = st.one_of(
    words,
    st.fixed_dictionaries(
        {"event": words},
        optional=optional(
            channel=words, owner=words, internal=st.booleans(), systems=st.lists(words, max_size=2)
        ),
    ),
)


def stages(key: str, *, earlier: list[str]) -> st.SearchStrategy[Any]:
    backs = [
        st.fixed_dictionaries({"to": st.sampled_from(earlier), "when": rules})
        for _ in range(bool(earlier))
    ]
    required: dict[str, st.SearchStrategy[Any]] = {"key": st.just(key), "title": words}
    if earlier:
        required["enter"] = rules
    return st.fixed_dictionaries(
        required,
        optional={
            "job": words,
            "owner": words,
            "stall_after": durations,
            "touchpoints": st.lists(touchpoints, max_size=2),
            "metrics": st.fixed_dictionaries({}, optional={"volume": metrics, "health": metrics}),
            "kpis": st.lists(kpis, max_size=2),
            "content": st.fixed_dictionaries(
                {}, optional={"default": st.dictionaries(words, words, max_size=2)}
            ),
            **({"back": st.lists(backs[0], max_size=2)} if backs else {}),
        },
    )


some_stages = st.lists(st.sampled_from(STAGES), min_size=1, max_size=2)
outcomes = st.fixed_dictionaries(
    {
        "key": st.just("lost"),
        "title": words,
        "kind": st.sampled_from(["won", "lost", "churned"]),
        "when": rules,
    },
    optional={
        "from": some_stages,
        "win_back": st.fixed_dictionaries({"to": st.sampled_from(STAGES), "when": rules}),
    },
)
loops = st.fixed_dictionaries({"from": some_stages, "to": st.sampled_from(STAGES), "when": rules})

maps = st.fixed_dictionaries(
    {
        "journey": st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
        "title": words,
        "subject": st.sampled_from(["account", "person"]),
        "stages": st.tuples(
            stages("one", earlier=[]),
            stages("two", earlier=["one"]),
            stages("three", earlier=["one", "two"]),
        ).map(list),
        "milestones": st.tuples(
            st.fixed_dictionaries({"key": st.just("m"), "title": words, "when": combined(single)}),
            st.fixed_dictionaries(
                {"key": st.just("n"), "title": words, "when": combined(single)},
                optional={"customer_facing": st.booleans()},
            ),
        ).map(list),
    },
    optional={
        "review_due": st.dates().map(lambda day: day.isoformat()),
        "server_only": events,
        "policy": st.fixed_dictionaries({"skips": st.sampled_from(["allow", "forbid"])}),
        "outcomes": st.lists(outcomes, max_size=1),
        "loops": st.lists(loops, max_size=2),
        "scoring": st.dictionaries(
            words,
            st.one_of(
                scalars,
                st.none(),
                st.lists(scalars, max_size=2),
                st.dictionaries(words, st.none(), max_size=2),
            ),
            max_size=2,
        ),
    },
)
"""Maps that must be accepted."""
