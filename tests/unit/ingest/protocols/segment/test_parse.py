"""The quick and the careful way of reading Segment's calls say the same, whatever comes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.events import strict_json
from services.ingest.events.candidate import ForeignCandidate
from services.ingest.events.verdicts import BodyRefused, RefusalCode, Refused
from services.ingest.limits import Limits
from services.ingest.protocols.segment import parse as segment
from services.ingest.protocols.segment.call import KINDS, CallKind

LIMITS = Limits(max_events=5)

texts = st.text(max_size=6) | st.sampled_from(["", " ", "\t", "leah@acme.example", "x" * 101, "é"])
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.just(1769940000500)
times = st.sampled_from(
    ["2026-02-01T10:00:00.123Z", "2026-02-01", " 2026-02-01T10:00:00 ", "soon", "", 1769940000]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=6,
)
traits = st.fixed_dictionaries({}, optional={"email": texts | values, "plan": values}) | values
contexts = (
    st.fixed_dictionaries(
        {},
        optional={
            "traits": traits,
            "groupId": texts | numbers | st.just("x" * 513) | values,
            "campaign": st.fixed_dictionaries({}, optional={"name": values, "source": texts}),
            "page": st.fixed_dictionaries(
                {},
                optional={"url": texts | st.just("https://a.example/?utm_source=news&utm_term=")},
            ),
        },
    )
    | values
)
ids = texts | st.integers(-5, 2**53)
objects = st.dictionaries(texts, values, max_size=2)
tame = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional={
        "event": texts,
        **dict.fromkeys(("userId", "anonymousId", "previousId", "groupId", "messageId"), ids),
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt"), times),
        **dict.fromkeys(("name", "category", "integrations"), values),
        "properties": objects,
        "traits": st.fixed_dictionaries({}, optional={"email": texts, "plan": values}),
        "context": contexts.filter(lambda context: isinstance(context, dict)),
    },
)
"""Calls whose form passes the quick way, and of whose meaning anything may be wrong."""
wild = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(KINDS) | st.sampled_from(["unmerge", "erase", "unmapped"]) | values,
        "event": texts | st.just("x" * 256) | values,
        "userId": texts | numbers | values,
        "anonymousId": texts | numbers | st.just("x" * 513),
        "previousId": texts | values,
        "groupId": texts | numbers | values,
        "messageId": texts | numbers | values,
        "timestamp": times | values,
        "originalTimestamp": times | values,
        "sentAt": times | values,
        "writeKey": texts | values,
        "name": texts | values,
        "category": values,
        "properties": st.dictionaries(texts, values, max_size=2) | values,
        "mergeProperties": st.lists(
            st.fixed_dictionaries({"type": texts | values, "value": texts | values}), max_size=3
        )
        | values,
        "traits": traits,
        "context": contexts,
        "integrations": values,
    },
)
calls = tame | wild
batches = st.fixed_dictionaries(
    {"batch": st.lists(tame, max_size=6) | st.lists(calls | values, max_size=6)},
    optional={"sentAt": times | values, "context": contexts, "writeKey": texts | values},
)


def content(parsed: segment.ParsedCalls | BodyRefused) -> object:
    """What was parsed, every item converted."""
    return parsed if isinstance(parsed, BodyRefused) else (list(parsed.items), parsed.write_key)


@given(batches, st.booleans())
@example(batch={"batch": [{"type": "track", "event": "A", "userId": 1}] * 6}, ascii_only=True)
def test_a_batch_means_the_same_by_either_way(
    batch: dict[str, Any],
    ascii_only: bool,  # noqa: FBT001 - drawn
) -> None:
    body = json.dumps(batch, ensure_ascii=ascii_only).encode()

    quick, careful = segment.parse(body, None, LIMITS), segment.parse_one_by_one(body, None, LIMITS)
    assert content(quick) == content(careful)


@given(calls, st.sampled_from(KINDS))
def test_a_single_call_means_the_same_by_either_way(call: dict[str, Any], kind: CallKind) -> None:
    body = json.dumps(call).encode()

    quick, careful = segment.parse(body, kind, LIMITS), segment.parse_one_by_one(body, kind, LIMITS)
    assert content(quick) == content(careful)


@given(batches, st.data())
def test_broken_bytes_mean_the_same_by_either_way(
    batch: dict[str, Any], data: st.DataObject
) -> None:
    """Cut, doubled and overwritten bytes: what is left may be JSON or not."""
    body = bytearray(json.dumps(batch, ensure_ascii=False).encode())
    scraps = st.sampled_from(
        [b"", b"\xff", b'"', b"{", b"}]", b"\\ud800", b"\\u0000", b"1e999", b"9" * 20]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(1, len(body)))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(scraps)
    sent = bytes(body)
    if strict_json.outer_problem(sent) is not None:
        return

    quick, careful = segment.parse(sent, None, LIMITS), segment.parse_one_by_one(sent, None, LIMITS)
    assert content(quick) == content(careful)


def test_the_quick_way_is_the_one_that_ordinary_calls_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the comparisons above would compare nothing."""
    monkeypatch.setattr(segment, "parse_one_by_one", None)
    call = {
        "event": "A",
        "userId": 7,
        "messageId": "m",
        "timestamp": "2026-02-01T10:00:00Z",
        "properties": {"n": [1, 2.5, None, "x"]},
        "context": {"groupId": "acme", "traits": {"email": "leah@acme.example"}},
    }
    bodies = [msgspec.json.encode({"batch": [{"type": kind, **call} for kind in KINDS[:5]]})]

    [parsed] = [segment.parse(body, None, LIMITS) for body in bodies]

    assert isinstance(parsed, segment.ParsedCalls)
    assert [item.type for item in parsed.items if isinstance(item, ForeignCandidate)] == [
        *KINDS[:5]
    ]


@pytest.mark.parametrize(
    "kind", ["unmerge", "leave", "erase", "unmapped", "Track", "", None, 5, ["track"]]
)
@pytest.mark.parametrize("flaw", [{}, {"properties": []}], ids=["quick", "careful"])
def test_what_only_we_may_write_cannot_be_asked_for(kind: object, flaw: dict[str, Any]) -> None:
    forged = {"type": kind, "event": "A", "userId": "u", "previous_account_id": "b", **flaw}
    body = msgspec.json.encode({"batch": [forged]})

    parsed = segment.parse(body, None, LIMITS)

    assert not isinstance(parsed, BodyRefused)
    [item] = parsed.items
    assert isinstance(item, Refused)
    assert item.code is RefusalCode.UNKNOWN_TYPE


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_of_ours_can_be_set_beside_segments_own(kind: CallKind) -> None:
    ours = {
        "account_id": "a", "previous_account_id": "b", "workspace_id": 2, "source": "s",
        "channel": "c", "role": "r", "sentiment": 5, "value": 1.0, "internal": True,
    }  # fmt: skip
    body = msgspec.json.encode({"event": "A", "userId": "u", "type": "erase", **ours})

    parsed = segment.parse(body, kind, LIMITS)

    assert not isinstance(parsed, BodyRefused)
    [item] = parsed.items
    assert isinstance(item, ForeignCandidate)
    filled = {name: value for name, value in msgspec.structs.asdict(item).items() if value}
    assert set(filled) == {"type", "event", "user_id"}
    assert item.type == ("alias" if kind == "merge" else kind)
