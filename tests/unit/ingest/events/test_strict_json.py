import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.events import strict_json
from services.ingest.events.candidate import Candidate
from services.ingest.events.verdicts import BodyRefused, RefusalCode, Refused
from services.ingest.limits import Limits
from services.ingest.protocols.touchpoints import parse as native

LIMITS = Limits()

texts = st.text(alphabet=st.sampled_from('aé😀"\\u0d8{}[]\x00'), max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(0, 1e300) | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


@given(st.lists(st.dictionaries(texts, values, max_size=3), max_size=4), st.booleans())
def test_the_fast_way_lets_nothing_pass_that_the_careful_way_refuses(
    properties: list[dict[str, Any]],
    ascii_only: bool,  # noqa: FBT001 - drawn
) -> None:
    """The look at the bytes may send a clean body the slow way, never a bad one the fast way."""
    events = [{"event": "A", "user_id": "u", "properties": each} for each in properties]
    body = json.dumps(events, ensure_ascii=ascii_only).encode()

    items = native.parse(body, is_ndjson=False, limits=LIMITS)

    assert not isinstance(items, BodyRefused)
    wanted = [strict_json.hazard(each) is None for each in properties]
    assert [isinstance(item, Candidate) for item in items] == wanted
    for item, each in zip(items, properties, strict=True):
        if isinstance(item, Candidate):
            assert item.properties == each


@given(st.text(alphabet=st.sampled_from('\\ud8cbB0x"'), max_size=24))
def test_a_lone_surrogate_is_distinguished_from_everything_that_looks_like_one(text: str) -> None:
    """Against the standard library, which decodes halves of pairs and so can show them."""
    body = f'"{text}"'.encode()
    try:
        decoded: str = json.loads(body)
    except ValueError:
        return
    has_lone_half = any(0xD800 <= ord(character) <= 0xDFFF for character in decoded)

    verdict = strict_json.decode(body)

    if has_lone_half or "\x00" in decoded:
        assert isinstance(verdict, Refused)
        assert verdict.code is RefusalCode.INVALID_UNICODE
    else:
        assert verdict == decoded


@given(
    st.lists(st.sampled_from(["NaN", "-Infinity", "Infinity", "1", "[", "]", ",", '"', "\\", "-"]))
)
def test_what_is_no_number_of_json_is_distinguished_from_its_name_in_a_text(
    scraps: list[str],
) -> None:
    """Against the standard library, which reads it and says so."""
    constants: list[str] = []
    body = "".join(["[", *scraps, "]"])
    try:
        decoded = json.loads(body, parse_constant=constants.append)
    except ValueError:
        return

    verdict = strict_json.decode(body.encode())

    if constants:
        assert isinstance(verdict, Refused)
        assert verdict.code is RefusalCode.NUMBER_OUT_OF_RANGE
    else:
        assert verdict == decoded


def test_a_text_with_too_much_to_repair_stays_as_it_is() -> None:
    body = b"[" + b"NaN," * 100_000 + rb'"\ud800"' + b"]"

    assert strict_json.repaired(body) == body.replace(rb"\ud800", rb"\u0000")
    assert isinstance(strict_json.decode(body), Refused)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_make_it_stumble(body: bytes) -> None:
    for is_ndjson in (False, True):
        native.parse(body, is_ndjson=is_ndjson, limits=LIMITS)


@given(st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b"1", b"\n", b"a"])))
def test_no_scrap_of_json_makes_it_stumble(scraps: list[bytes]) -> None:
    body = b'{"event":"A","user_id":"u"}\n' + b"".join(scraps)

    for is_ndjson in (False, True):
        native.parse(body, is_ndjson=is_ndjson, limits=LIMITS)


def test_the_largest_and_smallest_numbers_are_distinguished_exactly() -> None:
    fine, beyond = [2**63 - 1, -(2**63), 1.7e308], [2**63, -(2**63) - 1]

    assert [strict_json.hazard(number) for number in fine] == [None] * 3
    assert [strict_json.decode(str(number).encode()) for number in beyond] == list(map(str, beyond))
