"""Hostile and surprising text: each is refused with its place, quickly, and without an echo."""

import json
from time import process_time

import pytest

from shared.maps import MapInvalid, MapProblem, parse
from shared.maps.source import MAX_BYTES, MAX_DEPTH, MAX_PARTS, read

LAUGHS = """\
a: &a [lol, lol]
b: &b [*a, *a]
c: [*b, *b]
"""


def problems(text: str | bytes) -> list[MapProblem]:
    """Problems of the text itself; missing keys are left out."""
    with pytest.raises(MapInvalid) as refused:
        parse(text)
    return [each for each in refused.value.problems if not each.message.endswith("is missing")]


def first_problem(text: str | bytes) -> MapProblem:
    return problems(text)[0]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "the map is empty"),
        ("# nothing but a remark\n", 1, 1, "the map is empty"),
        ("- journey\n", 1, 1, "a map is made of `key: value` lines"),
        ("journey", 1, 1, "a map is made of `key: value` lines"),
        ("null", 1, 1, "a map is made of `key: value` lines"),
        ("journey: a\n---\njourney: b\n", 2, 1, "a second document begins here"),
        (LAUGHS, 1, 4, "anchors and aliases are not read"),
        ("a: *b\n", 1, 4, "anchors and aliases are not read"),
        ("&a journey: x\n", 1, 1, "a key is plain text, without anchors or tags"),
        ("a: {<<: {b: c}}\n", 1, 5, "merge keys are not read"),
        ("a: !!python/object/apply:os.system [x]\n", 1, 4, "tags are not read"),
        ("a: !secret x\n", 1, 4, "tags are not read"),
        ("? [a, b]\n: c\n", 1, 3, "a key is plain text, without anchors or tags"),
        ("journey: x\n\ttitle: y\n", 2, 1, "a tab is used for indentation"),
        ("journey: a: b\n", 1, 11, "a key cannot stand here"),
        ("stages: [a, b\n", 1, 9, "the list is not closed"),
        ("stages: {a: b\n", 1, 9, "the mapping is not closed"),
        ('title: "open\n', 1, 8, "the quotes are not closed"),
        ("title: @home\n", 1, 8, "text cannot begin with this character"),
        ("journey: x\n  title: y\n", 2, 8, "a key cannot stand here"),
        ("a: 1\nb\n", 2, 1, "a key without a value"),
        ("title: a\0b\n", 1, 9, "the text holds the character U+0000"),
        ("title: x\ntitle2: \x1b[31m\n", 2, 9, "the text holds the character U+001B"),
        ('title: "a\\0b"\n', 1, 8, "the text holds the control character U+0000"),
        ('"a\\ab": x\n', 1, 1, "the text holds the control character U+0007"),
        ("title: \ud800\n", 1, 8, "the text holds the character U+D800"),
        ('{"title": "\\ud800"}', 1, 14, "an escape in this text stands for no character"),
        (b"journey: x\ntitle: \xff\n", 2, 8, "not UTF-8"),
        ("title: no\n", 1, 8, "`no` may be read as text or as true or false"),
        ("title: Yes\n", 1, 8, "`Yes` may be read as text or as true or false"),
        ("policy: {skips: off}\n", 1, 17, "`off` may be read as text or as true or false"),
        ("zip: 0123\n", 1, 6, "a number that begins with 0 may be read in two ways"),
        ("zip: 0x1F\n", 1, 6, "a number that begins with 0 may be read in two ways"),
        ("target: .nan\n", 1, 9, "not a finite number"),
        ("target: -.inf\n", 1, 9, "not a finite number"),
        ('{"target": NaN}', 1, 12, "not a finite number"),
        ('{"target": -Infinity}', 1, 12, "not a finite number"),
        ("target: 1e999\n", 1, 9, "the number is too large or too long"),
        ("target: " + "9" * 5_000 + "\n", 1, 9, "the number is too large or too long"),
        ("target: 9007199254740993\n", 1, 9, "the number is too large or too long"),
    ],
)
def test_text_that_no_map_may_contain_is_refused_at_its_place(
    text: str | bytes, line: int, column: int, message: str
) -> None:
    reported = [(each.line, each.column, each.message) for each in problems(text)]

    assert (line, column, message) in reported


def test_a_key_that_stands_twice_is_named_with_both_lines() -> None:
    assert problems("journey: a\ntitle: A\n\njourney: b\n") == [
        MapProblem(
            line=4,
            column=1,
            path="journey",
            message="`journey` stands here for the second time, first on line 1",
            hint="keep one of the two",
        )
    ]


def test_a_key_that_stands_twice_is_seen_however_it_is_quoted() -> None:
    problem = first_problem('{"journey": "a",\n "title": "A", "jour\\u006eey": "b"}')

    assert (problem.line, problem.column) == (2, 16)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "x" * MAX_BYTES,
        "a: " + "é" * (MAX_BYTES // 2),
        ("a: " + "x" * MAX_BYTES).encode(),
    ],
)
def test_text_beyond_the_limit_is_refused_by_its_bytes(text: str | bytes) -> None:
    assert first_problem(text).message == "the map is larger than 512 KiB"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_has_an_end(opening: str) -> None:
    problem = first_problem(opening * 5_000)

    assert problem.message == f"nested deeper than {MAX_DEPTH} levels"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{" * 200_000,
        "[" + "{}," * 160_000 + "]",
        "a: [" + "b," * 250_000 + "]",
        "? " * 200_000,
        "a: " + "'" * 400_000,
        "a: |\n" + " x\n" * 100_000,
        "\n" * 400_000,
        "- " * 200_000,
        "a" * 500_000 + ": b",
        "&a " * 150_000,
        "!" * 400_000,
        "# x\n" * 100_000,
    ],
)
def test_no_text_within_the_limit_takes_long(text: str) -> None:
    begun = process_time()
    with pytest.raises(MapInvalid):
        parse(text)

    # A bound on the machine's own time, far above what any of these take and below a hang.
    assert process_time() - begun < 5


def test_the_number_of_parts_has_an_end() -> None:
    problem = first_problem("a: [" + "b," * MAX_PARTS + "]")

    assert problem.message == f"the map has more than {MAX_PARTS} parts"


def test_a_text_that_is_wrong_all_over_is_not_explained_to_its_end() -> None:
    with pytest.raises(MapInvalid) as refused:
        parse("".join(f"k{number}: no\n" for number in range(500)))

    assert len(refused.value.problems) == 50


def test_problems_say_little_of_what_was_sent() -> None:
    secret = "correct-horse-battery-staple" * 20
    texts = [
        f"{secret}: x\n",
        f"journey: {secret}\n",
        f"title: [{secret}\n",
        f"a: *{secret}\n",
        f"a: !{secret} b\n",
        f"title: '{secret}\n",
        f"stages: [{{key: {secret}}}, {{{secret}: 1}}]\n",
    ]
    for text in texts:
        with pytest.raises(MapInvalid) as refused:
            parse(text)
        for problem in refused.value.problems:
            assert secret[:45] not in str(problem)


def test_json_is_read_as_yaml_is() -> None:
    data = {
        "a": [1, 2.5, -3, True, None, "x\ty\u2028", "\U0001f600", "back\\ud83d\\ude00slash"],
        "b": {},
    }

    assert read(json.dumps(data)).data == data
    assert read(json.dumps(data, ensure_ascii=False, indent="\t")).data == data


def test_only_what_yaml_and_json_agree_on_is_a_number_or_a_truth() -> None:
    text = "[1, -1, 1.5, .5, 1e3, true, False, ~, 12:30, 1_000, 2027-03-31, 'no', \"1\", y]"

    assert read(text).data == [
        1, -1, 1.5, 0.5, 1000.0, True, False, None, "12:30", "1_000", "2027-03-31", "no", "1", "y",
    ]  # fmt: skip


def test_a_byte_order_mark_and_windows_lines_do_no_harm() -> None:
    assert read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}
